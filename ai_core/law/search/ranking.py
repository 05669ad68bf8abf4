"""The weights of the signals of `hybrid`, summed linearly, one set for each style of question.

The weights are in `data/ranking.toml`; `tests/bench/fitting.py` fits them.
"""

import tomllib
from collections.abc import Mapping
from importlib.resources import files

import numpy as np

from ai_core.law.search.lexical import Scores
from ai_core.law.search.style import QuestionStyle

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

_HEADINGS_SHARE = {
    QuestionStyle.QUESTION: 0.0,
    QuestionStyle.PHRASE: 0.25,
    QuestionStyle.TRAIL: 1.0,
}
"""How far the weights of headings replace those of questions."""


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
            for style, share in _HEADINGS_SHARE.items()
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
