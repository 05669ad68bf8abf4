"""What is said of a question that nothing answers, beside those that are answered."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from ai_core.answering.boilerplate import TEXT_FILES
from ai_core.answering.entries.without_entry import QuestionsWithoutEntry
from ai_core.answering.understanding.questions import QuestionAsked
from ai_core.engines.base import AnswerPart
from shared.texts import Texts

TEXTS = Texts.read(*TEXT_FILES)


@pytest.mark.parametrize(
    ("sentence", "follows", "said"),
    [
        ("Ai-je droit au télétravail ?", False, "**Ai-je droit au télétravail ?**\n\nJe n'ai pas"),
        ("Et pour le télétravail ?", True, "Si cela ne répond pas à « Et pour le télétravail ? »"),
        ("Est-ce légal ?", False, "Si cela ne répond pas à « Est-ce légal ? »"),
    ],
)
async def test_a_question_without_answer_is_named_and_a_vague_one_may_be_answered(
    sentence: str, follows: bool, said: str
) -> None:
    asked = QuestionAsked(sentence, sentence, sentence, follows)
    request = SimpleNamespace(question=SimpleNamespace(language="fr"))
    without = QuestionsWithoutEntry(cast(Any, None), TEXTS)
    parts = await without.parts((), (asked,), cast(Any, request), cast(Any, None))

    assert parts[AnswerPart.SUMMARY].startswith(said)
