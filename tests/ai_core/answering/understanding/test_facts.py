"""Facts told in a message: whose they are, and what they are worth. All persons are invented."""

from datetime import date
from typing import Any

import pytest

from ai_core.answering.understanding.facts import own_words, read_facts
from ai_core.answering.understanding.profiles import facts_of, profile_of

TODAY = date(2026, 11, 20)


def told(*messages: str) -> dict[str, Any]:
    return dict(facts_of(profile_of(messages, TODAY)))


@pytest.mark.parametrize(
    ("message", "facts"),
    [
        (
            "Je suis cadre depuis 4 ans, 3200 brut",
            {"category": "cadre", "seniority_months": 48, "monthly_gross_pay_eur": 3200},
        ),
        (
            "Je bosse depuis mars 2019 dans un garage, payé 1 850 € brut par mois",
            {"seniority_months": 92, "monthly_gross_pay_eur": 1850},
        ),
        ("J'ai 2 ans et demi d'ancienneté", {"seniority_months": 30}),
        ("Huit mois d'ancienneté, employé", {"category": "employe", "seniority_months": 8}),
        ("Un an et demi que je travaille ici", {"seniority_months": 18}),
        ("J'ai été embauchée le 12/05/2021", {"seniority_months": 66}),
        ("J'ai 35 ans et 3 ans d'ancienneté", {"seniority_months": 36}),
        ("Je gagne 1.9k net", {"monthly_net_pay_eur": 1900}),
        ("Je suis payée 13,50 € de l'heure", {"monthly_gross_pay_eur": 2047.54}),
        ("Payé 30k€ brut annuel", {"monthly_gross_pay_eur": 2500}),
        ("J'ai un contrat 24h par semaine", {"working_time": "part_time"}),
        ("I have a 20-hour contract", {"working_time": "part_time"}),
        ("Mon contrat de 35 heures", {"working_time": "full_time"}),
        ("Au SMIC, à temps partiel", {"minimum_wage": True, "working_time": "part_time"}),
        ("Intérimaire, ma mission se termine vendredi", {"contract": "interim"}),
        ("Je ne suis plus en CDD, j'ai signé un CDI", {"contract": "cdi"}),
        ("Je n'ai pas été licencié, j'ai démissionné", {"events": ("demission",)}),
        ("Nous sommes entre 11 et 49 salariés", {"headcount": 11}),
        ("C'est une entreprise de moins de 11 salariés", {"headcount": 10}),
        ("Je suis fonctionnaire", {"sector": "public"}),
        ("J'ai un salarié qui ne vient plus", {"role": "employer"}),
        ("Je veux embaucher pour la saison", {"role": "employer"}),
        ("Puis-je recruter un mineur ?", {"role": "employer"}),
        ("I have two employees who never arrive on time", {"role": "employer"}),
        (
            "Mon salarié a démissionné, il a 3 ans d'ancienneté",
            {"role": "employer", "events": ("demission",), "seniority_months": 36},
        ),
        (
            "Mon patron veut me licencier",
            {"role": "employee", "events": ("licenciement",)},
        ),
        (
            "I'm pregnant and I've been working here for 3 years",
            {"events": ("grossesse",), "seniority_months": 36},
        ),
        ("I have a fixed-term contract", {"contract": "cdd"}),
    ],
)
def test_what_the_asker_tells_of_themselves_is_kept(message: str, facts: dict[str, Any]) -> None:
    assert told(message) == facts


@pytest.mark.parametrize(
    "message",
    [
        "Mon collègue est cadre et gagne 3000 € brut",
        "Mon mari est technicien et travaille depuis 10 ans",
        "Ma fille est enceinte",
        "Je remplace une collègue en congé maternité",
        "Quel est le préavis d'un cadre en CDI ?",
        "Durée de la période d'essai en CDD ?",
        "Les ouvriers ont-ils droit à une prime ?",
        "Je ne suis pas cadre",
        "On me doit 3000 € de prime",
        "Je ne suis pas payé depuis 3 mois",
        "Mon contrat dure 6 mois",
        "> Je suis cadre depuis 4 ans\nMerci",
        "My husband is an apprentice",
    ],
)
def test_nobody_else_s_facts_are_kept(message: str) -> None:
    assert "category" not in told(message)
    assert told(message).keys() <= {"role"}


def test_later_facts_replace_earlier_ones_and_a_denial_removes_one() -> None:
    assert told("Je suis en CDD depuis 2 ans.", "J'ai signé un CDI, 3 ans d'ancienneté.") == {
        "contract": "cdi",
        "seniority_months": 36,
    }
    assert told("Je suis cadre.", "En fait je ne suis pas cadre.") == {}
    assert told("Je suis licencié.", "J'ai un arrêt maladie.")["events"] == (
        "licenciement",
        "arret_maladie",
    )


def test_a_sentence_about_somebody_else_names_no_agreement_of_the_asker() -> None:
    text = "Mon mari dépend de la métallurgie. Je suis chez Syntec."

    assert own_words(text).strip() == "Je suis chez Syntec."


def test_the_length_of_a_contract_a_notice_or_a_pay_is_no_time_with_the_employer() -> None:
    for message in (
        "mon CDD de huit mois dans cette entreprise",
        "J'ai un CDD de 6 mois chez un artisan",
        "J'ai deux mois de salaire de retard dans la boîte",
    ):
        assert "seniority_months" not in told(message), message
    for reply in ("CDD de huit mois", "préavis de 2 mois", "deux mois de salaire"):
        facts = read_facts(reply, TODAY, reply_to="seniority_months")
        assert "seniority_months" not in {fact.field for fact in facts}, reply
    assert told("En CDD depuis huit mois")["seniority_months"] == 8
