"""The weights of the signals of `hybrid`, summed linearly, one set for each style of question.

Sentences are served best by the plain language of the fiches and the embedding; a trail of headings
("Conseil de prud'hommes Compétence en raison de la matière") is close to the code's own titles,
where plain lexical search does better.

The weights are in `data/ranking.toml`; `tests/bench/fitting.py` fits them.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from importlib.resources import files

import numpy as np

from ai_core.law.search.lexical import Scores
from ai_core.law.search.stems import fold

SIGNALS = (
    "whole_text",
    "text",
    "path",
    "section",
    "semantic",
    "semantic_section",
    "both",
    "fiche_votes",
    "semantic_fiche_votes",
    "question_votes",
    "citations",
)
"""The signals, in the order of the rows that `hybrid.HybridSearch.signals` returns."""

_TRAIL_STEMS = 7
_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")


class QuestionStyle(StrEnum):
    """The style of a question: a sentence, a phrase, or a trail of headings."""

    QUESTION = "question"
    PHRASE = "phrase"
    TRAIL = "trail"


HEADINGS_SHARE = {
    QuestionStyle.QUESTION: 0.0,
    QuestionStyle.PHRASE: 0.25,
    QuestionStyle.TRAIL: 1.0,
}
"""How far the weights of headings replace those of questions."""


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


class Ranking:
    """The weights, ready to multiply a matrix of signals."""

    def __init__(self, tables: Mapping[str, Mapping[str, float]]) -> None:
        rows = {
            name: np.array([weights.get(signal, 0.0) for signal in SIGNALS], np.float32)
            for name, weights in tables.items()
        }
        self._weights = {
            (style, semantic): (1 - share) * rows["question" + suffix]
            + share * rows["headings" + suffix]
            for style, share in HEADINGS_SHARE.items()
            for semantic, suffix in ((True, ""), (False, "_lexical"))
        }

    @classmethod
    def read(cls) -> "Ranking":
        """Read the weights in the package."""
        path = files("ai_core.law") / "data" / "ranking.toml"
        return cls(tomllib.loads(path.read_text("utf-8")))

    def weights(self, style: QuestionStyle, *, semantic: bool) -> Scores:
        """Return one weight per signal; `semantic`: the embedding is available."""
        return self._weights[style, semantic]
