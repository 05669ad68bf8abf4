"""The situation told decides what is quoted: pairs of a question and what a text is of."""

import pytest

from ai_core.engines.base import AnswerPart
from ai_core.engines.extractive.asked import AskedQuestion
from ai_core.engines.extractive.deciding import (
    candidates,
    nothing_fits,
    other_situation_decides,
)
from ai_core.engines.extractive.relevant import fits_no_situation
from ai_core.engines.extractive.situations import read_told, special
from ai_core.engines.extractive.words import fold
from ai_core.law.records import AgreementText, Passage, TextRank
from tests.ai_core.engines.extractive.passages import article, clause, fiche, parts

OTHER = [
    ("Je démissionne, quel préavis ?", "Le préavis en cas de licenciement est de deux mois."),
    ("Je suis démissionnaire", "Le salarié licencié a droit à une indemnité."),
    ("Quel préavis si je suis licencié ?", "Le salarié démissionnaire respecte un préavis."),
    ("On m'a viré hier", "La démission ne se présume pas."),
    ("Mise à la porte sans lettre", "En cas de démission, aucune forme n'est requise."),
    ("Ma rupture conventionnelle", "La lettre de licenciement énonce les motifs."),
    ("Ma rupture conventionnelle", "La démission se donne par tout moyen."),
    ("Mon licenciement", "La convention de rupture est homologuée."),
    ("Je prends ma retraite en mai", "L'indemnité de licenciement est d'un quart de mois."),
    ("Mon licenciement", "Le départ à la retraite ouvre droit à une indemnité."),
    ("I want to resign", "Le licenciement est notifié par lettre."),
    ("I was fired", "Le salarié démissionnaire peut retirer sa démission."),
    ("Quel délai avant de partir ? je suis à l'essai", "Lorsqu'il y est mis fin par l'employeur"),
    ("Je mets fin à mon essai", "Le salarié est prévenu dans un délai de deux semaines."),
    ("Si je romps l'essai", "à l'initiative de l'employeur, le délai est d'un mois"),
    ("Mon patron met fin à l'essai", "Lorsque le salarié met fin à l'essai"),
    ("La cheffe ne me garde pas", "à l'initiative du salarié, le délai est de deux jours"),
    ("My employer ended the trial", "Le salarié respecte un délai de 48 heures."),
    ("Mon apprenti ne convient pas, je peux rompre ?", "lorsqu'il est rompu par l'apprenti"),
    ("Nounou agréée, quel préavis ?", "Socle salarié du particulier employeur : un mois"),
    ("En arrêt maladie, puis-je être licencié ?", "victime d'un accident du travail"),
    ("Accident du travail, et après ?", "l'absence pour maladie non professionnelle"),
    ("Rompre mon CDD", "Le contrat à durée indéterminée peut être rompu librement."),
    ("Prime à la fin de mon CDI", "À l'issue du CDD, une indemnité est due."),
    ("Je suis intérimaire", "Le salarié en CDD perçoit une indemnité de fin de contrat."),
    ("Renouveler un CDD", "Le contrat de mission est renouvelable deux fois."),
    ("Mon apprenti", "Le contrat de mission du salarié intérimaire est écrit."),
    ("Cadre, quel préavis ?", "– pour les ETAM : deux mois"),
    ("Je suis ingénieure", "Employés : un mois"),
    ("Je suis ouvrier", "Cadres : trois mois"),
    ("ETAM, quel essai ?", "Ingénieurs et cadres : quatre mois"),
    ("Agent de maîtrise", "Ouvriers : deux semaines"),
    ("Employée de bureau", "Pour les cadres, le préavis est de trois mois."),
    ("Quel préavis en cas de licenciement ? Et si je démissionne ?", "Le licenciement prend effet"),
    ("Je ne veux pas démissionner, ils vont me licencier", "La démission ne se présume pas."),
]
SAME = [
    ("Je démissionne", "Le préavis de démission est d'un mois."),
    ("Je démissionne", "En cas de démission ou de licenciement, le préavis est d'un mois."),
    ("Je démissionne", "Le préavis est d'un mois."),
    ("Je suis viré", "Le licenciement est notifié par lettre."),
    ("Démissionner ou attendre un licenciement ?", "Le licenciement ouvre droit au chômage."),
    ("Je pars de mon plein gré", "L'employeur peut convoquer le salarié."),
    ("Je mets fin à mon essai", "L'essai peut être rompu par l'employeur ou par le salarié."),
    ("On me licencie", "en cas d'exécution totale du préavis par le salarié"),
    ("En arrêt maladie", "absent pour maladie ou accident du travail"),
    ("CDD transformé en CDI", "Le contrat à durée indéterminée est de règle."),
    ("ETAM", "Les employés, techniciens et agents de maîtrise : deux mois"),
    ("Technicienne", "– pour les ETAM : deux mois"),
    ("Ni cadre ni maîtrise, quel essai ?", "Employés : un mois"),
    ("On me retire une heure de paie", "Le licenciement est notifié par lettre."),
    ("Quel délai dans le cadre d'un litige ?", "Employés : un mois"),
]


def test_a_text_of_another_situation_is_told_from_one_of_the_same() -> None:
    for pairs, other in ((OTHER, True), (SAME, False)):
        for question, text in pairs:
            told = read_told(fold(question))
            assert told.contradicted([fold(text)]) is other, (question, text)


def test_the_nearest_words_decide_what_a_unit_is_of() -> None:
    told = read_told("je demissionne, quel preavis ?")

    assert not told.contradicted(["la demission : un mois", "licenciement"])
    assert told.contradicted(["un mois", "licenciement"])


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("je suis enceinte", {"pregnancy"}),
        ("blesse au travail, accident du travail", {"work_accident"}),
        ("en arret maladie", {"sickness"}),
        ("declaree inapte", {"unfitness"}),
        ("mon fils de 16 ans", {"minors"}),
        ("au bout de 16 ans", set()),
        ("de 16 ans d'anciennete", set()),
    ],
)
def test_situations_with_rules_of_their_own_are_read(words: str, named: set[str]) -> None:
    assert special(words) == named


DISMISSED = "Le préavis du salarié licencié est de deux mois lorsque le préavis est demandé."
RESIGNING = "Un préavis d'une semaine est à respecter par celui qui a donné sa démission."


async def test_who_resigns_is_not_shown_the_rule_of_a_dismissal() -> None:
    found = await parts(
        "Quel préavis dois-je faire si je démissionne ?",
        article("L1", DISMISSED, section_path=("Licenciement",), score=0.9),
        article("L2", RESIGNING, section_path=("Démission",), score=0.5),
    )

    assert "une semaine" in found[AnswerPart.SUMMARY]
    assert "deux mois" not in found[AnswerPart.SUMMARY]
    assert "deux mois" not in found.get(AnswerPart.CONDITIONS, "")


async def test_a_manager_is_shown_the_managers_line() -> None:
    text = (
        "Préavis :\n- pour les ETAM : deux mois de préavis après deux ans ;\n"
        "- pour les ingénieurs et cadres : trois mois."
    )
    found = await parts("Cadre, deux ans d'ancienneté, quel préavis ?", clause("1 art. 2", text))

    assert "trois mois" in found[AnswerPart.SUMMARY]
    assert "deux mois" not in found[AnswerPart.SUMMARY]


async def test_a_pregnant_employee_reads_of_the_protection_before_the_procedure() -> None:
    found = await parts(
        "Enceinte, je suis convoquée à un entretien préalable au licenciement : il peut ?",
        article(
            "L1", "L'employeur qui envisage le licenciement convoque à un entretien préalable."
        ),
        article(
            "L2", "Aucun employeur ne peut rompre le contrat d'une salariée enceinte.", score=0.7
        ),
    )

    assert found[AnswerPart.SUMMARY].startswith("« Aucun employeur")


async def test_where_only_another_situation_was_found_the_summary_says_so() -> None:
    found = await parts(
        "Quel préavis dois-je faire si je démissionne ?",
        fiche("Licenciement", DISMISSED, section_path=("Licenciement",)),
    )

    assert "aucun ne correspond à la situation" in found[AnswerPart.SUMMARY]
    assert AnswerPart.CONDITIONS not in found
    assert "deux mois" in found[AnswerPart.NEAREST]


async def test_an_annex_of_another_trade_does_not_lead() -> None:
    def of(title: str, rank: TextRank) -> AgreementText:
        return AgreementText(title, rank, None, None)

    annex = of("Annexe III. Pigistes. Accord du 3 mai 2001", TextRank.ANNEX)
    found = await parts(
        "Convention du livre ancien : quel préavis pour la démission d'une relieuse ?",
        clause(
            "9 art. 7", "En cas de démission, le préavis est de neuf jours.", agreement_text=annex
        ),
        clause(
            "9 art. 31",
            "En cas de démission, le préavis est de six semaines.",
            agreement_text=of("Convention collective du livre ancien", TextRank.BASE),
            score=0.8,
        ),
    )

    assert "six semaines" in found[AnswerPart.SUMMARY]
    assert "neuf jours" not in found[AnswerPart.SUMMARY].split("\n")[0]


@pytest.mark.parametrize(
    ("question", "fits_none"),
    [
        ("Quel préavis dois-je faire si je démissionne ?", True),
        ("Quel préavis si on me licencie ?", False),
        ("Quel préavis ?", False),
    ],
)
def test_what_is_found_for_another_situation_only_is_no_sure_answer(
    question: str, fits_none: bool
) -> None:
    dismissed = article("L1", DISMISSED, section_path=("Licenciement",))

    assert fits_no_situation(question, [dismissed]) is fits_none


async def test_the_agreement_told_decides_before_the_general_rule() -> None:
    found = await parts(
        "Relieuse licenciée, quelle durée de préavis ?",
        article("L1", "En cas de licenciement, la durée du préavis est de deux mois.", score=0.9),
        clause("9 art. 31", "Le préavis est de six semaines pour toute relieuse.", score=0.8),
    )

    assert found[AnswerPart.SUMMARY].startswith("« Le préavis est de six semaines")


async def test_a_clause_of_another_part_of_the_agreement_does_not_lead() -> None:
    def part(title: str, text: str) -> Passage:
        path = ("Texte de base", title, "Partie I", "Titre I", "Chapitre I", "Préavis")
        base = AgreementText("Convention", TextRank.BASE, None, None)
        return clause(f"9 {title}", text, section_path=path, agreement_text=base)

    found = await parts(
        "Je suis assistante maternelle, quelle est la durée du préavis ?",
        part("Socle salarié du particulier employeur", "La durée du préavis est d'un mois."),
        part("Socle assistant maternel", "Le préavis est de neuf jours."),
    )

    assert "neuf jours" in found[AnswerPart.SUMMARY]
    assert "un mois" not in found[AnswerPart.SUMMARY]


def test_the_situation_is_read_from_all_that_was_said() -> None:
    domestic = article("L1", "Le préavis du salarié du particulier employeur est d'un mois.")
    asked = AskedQuestion.read("Quel préavis ?")

    assert candidates(asked, [domestic])[0].fits
    assert not candidates(asked, [domestic], "Assistante maternelle, quel préavis ?")[0].fits


def test_whether_another_situation_decides_is_told_as_by_all_scores() -> None:
    """It scores few candidates, and must not judge otherwise for it."""
    told = set()
    for question, other in OTHER:
        for fitting in ("", "Le contrat est écrit.", f"{question} Un mois.", "Le préavis est dû."):
            passages = [article("L1", other), *([article("L2", fitting)] if fitting else ())]
            asked = AskedQuestion.read(question)
            whole = nothing_fits(candidates(asked, passages))
            assert other_situation_decides(asked, passages) is whole, (question, fitting)
            told.add((bool(fitting), whole))
    assert {(False, True), (True, True), (True, False)} <= told
