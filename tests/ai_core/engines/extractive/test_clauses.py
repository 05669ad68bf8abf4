"""Which sentence of an agreement's clauses leads, and whether it decides."""

from dataclasses import replace
from datetime import date

import pytest

from ai_core.engines.base import AnswerPart
from ai_core.engines.extractive.relevant import ClauseFit, clause_fit
from ai_core.law.records import AgreementText, LegalBound, Passage, TextRank
from tests.ai_core.engines.extractive.passages import article, clause, parts

GRID = """Les minima sont les suivants :
Position\tCoefficient\tMontant
1.2\t100\t2 105 €
2.1\t105\t2 240 €
2.1\t115\t2 460 €
3.1\t170\t3 610 €"""
BONUS = """La prime d'ancienneté est calculée ainsi :
- 3 % après trois ans ;
- 6 % après six ans ;
- 9 % après neuf ans ;
- 12 % après douze ans."""
EVENTS = """Les congés pour événements familiaux sont :
- mariage d'un enfant : 1 jour ;
- mariage d'un frère ou d'une sœur : 2 jours ;
- mariage du salarié ou conclusion d'un pacte civil de solidarité : 6 jours ouvrés ;
- décès d'un frère : 2 jours."""


def of_text(passage: Passage, *path: str) -> Passage:
    """Return the same clause below other titles."""
    text = AgreementText(path[0], TextRank.BASE, date(2012, 5, 3), None)
    return replace(passage, section_path=path, agreement_text=text)


@pytest.mark.parametrize(
    ("question", "amount", "others"),
    [
        ("salaire minimum position 2.1 coefficient 115", "2 460 €", ["2 240 €", "3 610 €"]),
        ("salaire minimum coefficient 170", "3 610 €", ["2 460 €"]),
    ],
)
async def test_the_row_of_the_place_told_in_a_classification_leads(
    question: str, amount: str, others: list[str]
) -> None:
    summary = (await parts(question, clause("IDCC 1 art. 9", GRID)))[AnswerPart.SUMMARY]

    assert amount in summary
    assert not any(other in summary for other in others)


async def test_a_sentence_for_another_group_does_not_lead() -> None:
    text = (
        "L'essai des salariés des groupes A et B dure deux mois.\n"
        "L'essai des salariés des groupes F, G et H dure quatre mois."
    )
    summary = (await parts("durée de l'essai, groupe F", clause("IDCC 1", text)))[
        AnswerPart.SUMMARY
    ]

    assert summary.startswith("« L'essai des salariés des groupes F, G et H dure quatre mois")


async def test_a_list_of_a_clause_is_told_whole_where_nothing_told_picks_an_item() -> None:
    bonus = clause("IDCC 1 art. 7", BONUS)
    whole = (await parts("prime d'ancienneté de combien ?", bonus))[AnswerPart.SUMMARY]
    mine = (await parts("prime d'ancienneté après sept ans d'ancienneté", bonus))[
        AnswerPart.SUMMARY
    ]

    assert all(share in whole for share in ("3 %", "6 %", "9 %", "12 %"))
    assert "6 %" in mine


async def test_the_event_of_a_relative_does_not_lead_over_ones_own() -> None:
    long = (
        EVENTS
        + "\n"
        + "\n".join(f"- remise de médaille du travail {n} : 1 jour ;" for n in range(30))
    )
    found = await parts("combien de jours pour mon mariage ?", clause("IDCC 1 art. 5", long))

    summary = found[AnswerPart.SUMMARY]
    assert "mariage du salarié" in summary
    assert summary.find("mariage du salarié") < (summary + "mariage d'un").find("mariage d'un")


async def test_a_clause_for_one_category_leads_only_for_it() -> None:
    workers = of_text(
        clause("IDCC 1 art. 3", "Le préavis est d'un mois."), "Base", "Ouvriers", "Préavis"
    )
    managers = of_text(
        clause("IDCC 1 art. 8", "La durée du préavis est de trois mois de travail."),
        "Base",
        "Cadres",
        "Préavis",
    )
    all_alike = of_text(
        clause("IDCC 1 art. 2", "Le préavis dure deux mois."), "Base", "Rupture", "Préavis"
    )
    open_question = await parts("durée du préavis ?", workers, managers, all_alike)
    manager = await parts("durée du préavis d'un cadre ?", workers, managers, all_alike)

    assert open_question[AnswerPart.SUMMARY].startswith("« Le préavis dure deux mois")
    assert "trois mois" in manager[AnswerPart.SUMMARY].split("[")[0]


async def test_the_first_words_of_a_later_part_are_not_those_of_the_clause() -> None:
    later = replace(
        clause(
            "IDCC 1 art. 6", "La visite a lieu au bout de 8 jours.\nLa maladie est payée 40 jours."
        ),
        start=2_000,
    )
    summary = (await parts("maladie : combien de jours ?", later))[AnswerPart.SUMMARY]

    assert summary.startswith("« La maladie est payée 40 jours")


@pytest.mark.parametrize(
    ("question", "text", "fit"),
    [
        ("majoration des heures de nuit", "Les heures de nuit sont majorées de 20 %.", "decides"),
        ("majoration des heures de nuit", "Les heures de nuit sont signalées au chef.", "near"),
        ("majoration des heures de nuit", "Le planning est affiché le lundi.", "silent"),
        ("salaire minimum coefficient 115", GRID, "decides"),
    ],
)
def test_a_clause_decides_where_it_covers_what_is_asked_and_states_it(
    question: str, text: str, fit: str
) -> None:
    assert clause_fit(question, "", [clause("IDCC 1", text, score=0.95)]) == ClauseFit(fit)


def test_what_another_situation_says_does_not_decide() -> None:
    text = "Le préavis du licenciement est de deux mois."
    found = clause_fit("préavis de démission, combien de mois ?", "", [clause("IDCC 1", text)])
    assert found is ClauseFit.SILENT


async def test_what_the_law_grants_at_least_follows_the_clause_whole() -> None:
    law = article(
        "L3142-4",
        "Les congés pour événements familiaux ne peuvent être inférieurs à :\n"
        "1° Quatre jours pour son mariage ;\n"
        "2° Un jour pour le mariage d'un enfant ;\n"
        "3° Douze jours pour le décès d'un enfant.",
        score=0.5,
        bound=LegalBound.MINIMUM,
    )
    found = await parts("congés pour événements familiaux", clause("IDCC 1 art. 5", EVENTS), law)

    said, granted = found[AnswerPart.SUMMARY].split("La loi garantit au moins ceci")
    assert "décès d'un frère : 2 jours" in said
    assert all(words in granted for words in ("1° Quatre jours", "3° Douze jours", "[2]"))


async def test_a_clause_that_does_not_lead_brings_no_bound() -> None:
    law = article("L3142-4", "Le mariage donne quatre jours.", bound=LegalBound.MINIMUM)
    other = clause("IDCC 1 art. 5", "Le vestiaire est ouvert.", score=0.1)
    found = await parts("mariage : combien de jours ?", law, other)

    assert "La loi garantit" not in found[AnswerPart.SUMMARY]
