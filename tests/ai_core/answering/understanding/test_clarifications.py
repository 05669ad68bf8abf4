"""One question back, only when the answer hangs on it."""

from datetime import date

import pytest

from ai_core.answering.understanding.clarifications import Clarifications
from ai_core.answering.understanding.messages import understand
from ai_core.answering.understanding.profiles import known_fields
from ai_core.engines.base import ChatMessage
from shared.languages import LANGUAGES

CLARIFICATIONS = Clarifications.read()
TODAY = date(2026, 11, 20)


def asked_back(question: str, *said: str) -> str:
    """The question back to the last of the messages, without an agreement."""
    history = [ChatMessage("user", message) for message in said]
    message = understand(question, history, CLARIFICATIONS, TODAY)
    known = known_fields(message.profile) | message.mentioned
    found = CLARIFICATIONS.choose(message.query, known, message.asked_for, "fr")
    return found.question if found else ""


@pytest.mark.parametrize(
    ("question", "asks"),
    [
        ("Quelle est la durée du préavis en cas de démission ?", "convention collective"),
        ("Quel est le montant de l'indemnité de licenciement ?", "depuis combien de temps"),
        ("Indemnité de licenciement après quinze ans d'ancienneté ?", "salaire brut"),
        ("Combien de temps dure la période d'essai ?", "catégorie"),
        ("Comment rompre mon contrat ?", "contrat de travail"),
        ("Quel préavis si je suis licencié ?", "six mois"),
        ("Faut-il élire un CSE ?", "combien de salariés"),
        ("Mes heures supplémentaires sont-elles majorées ?", "temps plein"),
        ("Comment sont payées les heures de nuit et leur majoration ?", "convention collective"),
    ],
)
def test_a_missing_fact_is_asked_for(question: str, asks: str) -> None:
    assert asks in asked_back(question).casefold()


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Combien de temps dure la période d'essai d'un cadre ?", ()),
        ("Faut-il élire un CSE à 30 salariés ?", ()),
        (
            "Quel est le montant de l'indemnité de licenciement ?",
            ("J'ai 5 ans d'ancienneté et je gagne 2 000 € brut.",),
        ),
        ("Et pour un licenciement, quel préavis si j'ai plus de deux ans d'ancienneté ?", ()),
        ("Que dit la loi sur le harcèlement ?", ()),
        ("Puis-je quitter mon poste avant l'heure ?", ()),
        ("Quel est le délai pour contester l'indemnité de licenciement ?", ()),
        ("Mes heures supplémentaires sont-elles majorées ?", ("Je suis à temps partiel.",)),
    ],
)
def test_a_known_fact_is_not_asked_for(question: str, said: tuple[str, ...]) -> None:
    assert asked_back(question, *said) == ""


def test_every_choice_is_a_reply_that_tells_the_fact_it_was_offered_for() -> None:
    for needed in ("seniority_band", "category", "contract", "headcount", "working_time"):
        field = needed.replace("band", "months")
        values = []
        for language in LANGUAGES:
            ask = CLARIFICATIONS.ask(needed, language)
            assert ask.choices
            profiles = [
                understand(
                    choice,
                    [
                        ChatMessage("user", "Que dit la loi sur le licenciement ?"),
                        ChatMessage("assistant", f"Voici.\n\n{ask.question}"),
                    ],
                    CLARIFICATIONS,
                    TODAY,
                ).profile
                for choice in ask.choices
            ]
            told = [getattr(profile, field) for profile in profiles]
            assert None not in told, (needed, language, told)
            assert len(set(told)) == len(told), (needed, language, told)
            values.append(told)
        assert values == [values[0]] * len(LANGUAGES), needed
