"""A vague question about a letter is asked of what it notifies. All persons are invented."""

from datetime import date

import pytest

from ai_core.answering.understanding.clarifications import Clarifications
from ai_core.answering.understanding.letters import subject_of_letter
from ai_core.answering.understanding.messages import Understood, understand
from ai_core.engines.base import ChatMessage

CLARIFICATIONS = Clarifications.read()
TODAY = date(2026, 11, 20)
DISMISSAL = """Objet : notification de licenciement
Madame Odile Ferrand, à la suite de notre entretien préalable du 3 novembre 2026, nous sommes au
regret de vous notifier votre licenciement pour insuffisance professionnelle."""
LETTERS = [
    (DISMISSAL, "licenciement"),
    (
        "Monsieur, après deux avertissements et une mise à pied, nous avons décidé de vous"
        " licencier. L'entretien préalable du 5 octobre n'y a rien changé.",
        "licenciement",
    ),
    (
        "Objet : avertissement\nVous êtes arrivé en retard. Si cela recommence, nous pourrons"
        " aller jusqu'au licenciement.",
        "avertissement",
    ),
    (
        "Nous vous convoquons à un entretien préalable à une éventuelle mesure de licenciement.",
        "convocation à un entretien préalable au licenciement",
    ),
    (
        "Nous mettons un terme à votre période d'essai ce vendredi.",
        "rupture de la période d'essai par l'employeur",
    ),
    (
        "Votre contrat à durée déterminée arrive à son terme le 30 et ne sera pas renouvelé.",
        "fin de CDD, contrat non renouvelé",
    ),
    (
        "À compter de janvier vous serez affectée au sein de notre agence de Metz.",
        "changement de lieu de travail, mutation",
    ),
    (
        "Suite à votre demande de congés du 2 au 9 mai, nous ne pouvons y donner une suite"
        " favorable.",
        "refus de congés payés par l'employeur",
    ),
    (
        "Vous avez perçu un trop-perçu que nous retiendrons.",
        "salaire trop versé, retenue sur salaire",
    ),
    ("Votre badgeage est incomplet : deux heures de nuit manquent.", "badgeage heures de nuit"),
    ("Le restaurant du personnel ferme à 14 heures.", None),
]


def understood(*turns: str) -> Understood:
    history = [ChatMessage("user", turn) for turn in turns]
    return understand(turns[-1], history[:-1], CLARIFICATIONS, TODAY)


def with_letter(question: str, letter: str) -> str:
    return f"{question}\n\nDocument joint, cité tel quel :\n« {letter} »"


@pytest.mark.parametrize(("letter", "subject"), LETTERS)
def test_a_letter_is_about_what_it_notifies(letter: str, subject: str | None) -> None:
    assert subject_of_letter(letter) == subject


@pytest.mark.parametrize(
    "question",
    [
        "Est-ce que je peux contester ?", "C'est légal ?", "Que dois-je faire ?",
        "Puis-je contester cette lettre ?", "Que dit le droit du travail de ce document ?",
        "What does labour law say about this document?", "我可以拒绝吗？",
        "กฎหมายแรงงานว่าอย่างไรเกี่ยวกับเอกสารนี้?",
    ],
)  # fmt: skip
def test_a_vague_question_is_searched_with_what_the_letter_is_about(question: str) -> None:
    message = understood(with_letter(question, DISMISSAL))

    of_document = ("document", "文件", "เอกสาร")
    asked = "Que dois-je faire ?" if any(one in question for one in of_document) else question
    assert message.query == f"{asked} licenciement"
    assert message.case is None


def test_what_is_asked_next_is_asked_of_the_same_letter() -> None:
    message = understood(with_letter("Puis-je contester ?", DISMISSAL), "et dans quel délai ?")

    assert message.query.startswith("Puis-je contester ? licenciement")


def test_a_question_with_a_subject_of_its_own_keeps_it() -> None:
    message = understood(with_letter("Ai-je droit au chômage après ça ?", DISMISSAL))

    assert message.query.startswith("Ai-je droit au chômage")


def test_a_contract_that_is_quoted_tells_its_kind() -> None:
    contract = "Contrat de travail a duree determinee\ndu 1er mars au 31 mai 2026, a Reims."
    message = understood(
        with_letter("La période d'essai de ce contrat est-elle légale ?", contract)
    )

    assert message.case is not None
    assert message.case.facts.contract == "CDD"
