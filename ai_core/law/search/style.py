"""Classifies the style of a question: a sentence, a phrase, or a trail of headings.

Sentences are served best by the plain language of the fiches and the embedding; a trail of headings
("Conseil de prud'hommes Compétence en raison de la matière") is close to the code's own titles,
where plain lexical search does better.
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from importlib.resources import files

from ai_core.law.search.stems import fold

_TRAIL_STEMS = 7
_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")


class QuestionStyle(StrEnum):
    """The style of a question."""

    QUESTION = "question"
    PHRASE = "phrase"
    TRAIL = "trail"


class StyleClassifier:
    """Classifies the style of questions."""

    def __init__(self) -> None:
        listed = (files("ai_core.law") / "data" / "question_words.txt").read_text("utf-8")
        self._asking = frozenset(fold(listed).split())

    def of(self, question: str, stems: Sequence[str]) -> QuestionStyle:
        """Return the style of a question with these stems."""
        if "?" in question or not self._asking.isdisjoint(_WORD.findall(fold(question))):
            return QuestionStyle.QUESTION
        if len(stems) >= _TRAIL_STEMS or len(set(stems)) < len(stems):
            return QuestionStyle.TRAIL
        return QuestionStyle.PHRASE
