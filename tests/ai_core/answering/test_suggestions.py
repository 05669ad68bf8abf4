"""Suggestions: what may be asked next, never what was asked."""

from ai_core.answering.suggestions import Suggestions

LINES = [
    "# Rupture",
    "Combien dure le préavis de démission ?\tL1237-1",
    "Quel préavis dois-je faire si je démissionne ?\tL1237-1",
    "Peut-on me demander des dommages pour une démission abusive ?\tL1237-2 L1237-1",
    "L'employeur peut-il me dispenser de préavis après ma démission ?\tL1237-1",
    "Combien de jours de congés payés par mois ?\tL3141-3",
]
ASKED = "Quelle est la durée du préavis en cas de démission ?"


def test_questions_on_the_same_article_are_suggested_and_not_what_was_asked() -> None:
    chosen = Suggestions(LINES).choose([ASKED], ["L1237-1"], "fr")

    assert "Peut-on me demander des dommages pour une démission abusive ?" in chosen
    assert "Combien dure le préavis de démission ?" not in chosen
    assert "Combien de jours de congés payés par mois ?" not in chosen


def test_nothing_is_suggested_in_another_language_or_without_an_article() -> None:
    suggestions = Suggestions(LINES)

    assert suggestions.choose(["How long is my notice?"], ["L1237-1"], "en") == []
    assert suggestions.choose([ASKED], [], "fr") == []


def test_the_everyday_questions_suggest_for_a_question_of_every_day() -> None:
    chosen = Suggestions.read().choose([ASKED], ["L1237-1", "R1237-1"], "fr")

    assert 1 <= len(chosen) <= 3
    assert all(question.endswith("?") and question != ASKED for question in chosen)
