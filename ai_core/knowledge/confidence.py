"""How surely an entry answers a question: a logistic model of what the match looks like.

Its coefficients, in `confidence.toml`, were fitted on phrasings left out of the index and on
everyday questions that no entry answers (`docs/knowledge.md` has the figures).
"""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ai_core.knowledge.phrasing_index import Match

_FILE = Path(__file__).with_name("confidence.toml")
_LEAST, _MOST = 0.01, 0.99
"""Surer than this the ranking cannot be told to be: among a few entries it is sure of anything."""
_FEATURES = ("odds", "margin", "nearness", "word_nearness", "cited", "labour")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which chance an entry leads, with a doubt until it is said to be sure.

    From `near` on it leads where the law found decides no better.
    """

    near: float
    leads: float
    sure: float


def features(matches: Sequence[Match], cited: float, *, labour: bool) -> tuple[float, ...]:
    """Return what the first of the matches looks like.

    `cited` is the relevance of the best passage found that the entry rests on, 0 to 1; `labour`
    tells whether the question is taken for labour law by itself.
    """
    best = matches[0]
    second = matches[1].probability if len(matches) > 1 else _LEAST
    return (
        _log_odds(best.probability),
        math.log(max(best.probability, _LEAST) / max(second, _LEAST)),
        best.nearness,
        best.word_nearness,
        cited,
        float(labour),
    )


class MatchConfidence:
    """The fitted model, for what the index knows: "encoder" (meanings and words) or "words"."""

    def __init__(self, fitted: Mapping[str, Mapping[str, float]]) -> None:
        self._fitted = fitted

    @classmethod
    def read(cls) -> "MatchConfidence":
        """Read the coefficients."""
        return cls(tomllib.loads(_FILE.read_text(encoding="utf-8")))

    def of(self, matches: Sequence[Match], cited: float, variant: str, *, labour: bool) -> float:
        """Return the chance, 0 to 1, that the first match answers; see `features`."""
        fitted = self._fitted[variant]
        values = zip(_FEATURES, features(matches, cited, labour=labour), strict=True)
        score = fitted["bias"] + sum(fitted[name] * value for name, value in values)
        return 1 / (1 + math.exp(-score))

    def thresholds(self, variant: str) -> Thresholds:
        """Return the thresholds of a variant."""
        fitted = self._fitted[variant]
        return Thresholds(fitted["near"], fitted["leads"], fitted["sure"])


def _log_odds(probability: float) -> float:
    kept = min(max(probability, _LEAST), _MOST)
    return math.log(kept / (1 - kept))
