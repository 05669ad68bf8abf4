"""Answers parted as their clients show them: nothing lost, nothing twice."""

from shared.ai.answer_parts import answer_parts
from shared.ai.contract import AnswerSection


def section(kind: str, title: str, text: str) -> AnswerSection:
    return AnswerSection.model_validate(
        {"kind": kind, "title": title, "text": text, "citations": [1]}
    )


STEPS = section("steps", "Que faire", "- Écrire. [1]")
SOURCES = section("sources", "Les textes", "Article L9999-1 [1]\n\n> Un mois.")
CLOSING = "À noter : rien.\n\nInformation d'une IA."
RESPONSE = (
    "Un mois. [1]\n\n**Que faire**\n\n- Écrire. [1]\n\n**Les textes**\n\n"
    f"Article L9999-1 [1]\n\n> Un mois.\n\n{CLOSING}"
)


def test_an_answer_is_its_lead_its_sections_and_its_closing() -> None:
    parts = answer_parts(RESPONSE, [STEPS, SOURCES])
    assert (parts.lead, parts.closing) == ("Un mois. [1]", CLOSING)
    assert (parts.read_first, parts.folded) == ((STEPS,), (SOURCES,))


def test_a_text_that_belongs_to_no_section_is_kept() -> None:
    between = RESPONSE.replace("**Les textes**", "Un modèle ajoute ceci.\n\n**Les textes**")
    assert answer_parts(between, [STEPS, SOURCES]).closing.startswith("Un modèle ajoute ceci.\n\n")
    assert answer_parts("Oui.", []).lead == "Oui."


def test_a_section_that_the_text_does_not_hold_stays_out() -> None:
    edited = "Deux mois, dit une personne."
    assert answer_parts(edited, [STEPS, SOURCES]).lead == edited
    assert answer_parts(edited, [STEPS, SOURCES]).sections == ()
    assert answer_parts(edited, [section("help", "Aide", "")]).sections == ()
