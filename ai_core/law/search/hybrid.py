"""Hybrid search over one version of the corpus: lexical, plain-language bridges, embedding.

Each signal scores every article; `ranking` weighs their sum. Without the embedding (it is learned
after the rest) the same search runs on the other signals. Not safe to share between threads.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ai_core.law.search import semantic
from ai_core.law.search.article_metadata import Outline
from ai_core.law.search.citation_votes import Bridge
from ai_core.law.search.lexical import LexicalIndex, Scores
from ai_core.law.search.ranking import Ranking
from ai_core.law.search.semantic import Nearness, SemanticIndex
from ai_core.law.search.stems import Words
from ai_core.law.search.style import Styles

FOLDER = "lexical.1"
"""The number changes with the format, so that an index of another format is built anew."""
FIELDS = ("whole_text", "text", "path", "section", "fiche", "question")

_MOST_CITED = 2.5
_SEMANTIC_VOTE_POWER = 4
_QUESTION_SOURCES = 6


@dataclass(frozen=True, slots=True)
class Ranked:
    """Something found: its place in the corpus, and its score (1 for the best of its kind)."""

    place: int
    score: float


class Hybrid:
    """The indexes of one version of the corpus, opened."""

    def __init__(self, directory: Path) -> None:
        folder = directory / FOLDER
        self.outline = Outline.open(folder / "outline.npz")
        self.fields = {name: LexicalIndex.open(folder / name) for name in FIELDS}
        self._fiche_bridge = Bridge.open(folder / "fiche_bridge.npz")
        self._question_bridge = Bridge.open(folder / "question_bridge.npz")
        learned = directory / semantic.FOLDER
        self.semantic = SemanticIndex.open(learned) if learned.exists() else None
        self._ranking, self._styles, self.words = Ranking.read(), Styles(), Words()
        self._cited = np.minimum(np.log1p(self._fiche_bridge.citations()), _MOST_CITED)
        self._latest: tuple[tuple[str, ...], Nearness] | None = None
        self._quotable = np.diff(self.outline.first_piece[self.outline.articles :]) > 0

    def articles(self, question: str, day: date, limit: int) -> list[Ranked]:
        """Return the best articles in force on `day`, best first."""
        stems = self.words(question)
        if not stems:
            return []
        style = self._styles.of(question, stems)
        weights = self._ranking.weights(style, semantic=self.semantic is not None)
        signals = self.signals(stems)
        scores = weights @ signals
        scores[~self.outline.in_force(day) | ~signals[:-1].any(axis=0)] = -np.inf
        return _best(scores, limit)

    def fiches(self, question: str, limit: int) -> list[Ranked]:
        """Return the best fiche sections, best first."""
        stems = self.words(question)
        scores = _relative(self.fields["fiche"].scores(stems))
        if self.semantic:
            scores = scores + _relative(self._nearness(self.semantic, stems).fiches)
        scores[~self._quotable] = 0
        return [found for found in _best(scores, limit) if scores[found.place] > 0]

    def _nearness(self, index: SemanticIndex, stems: Sequence[str]) -> Nearness:
        """Compare a question with everything, once for its articles and its fiches."""
        asked = tuple(stems)
        if self._latest is None or self._latest[0] != asked:
            self._latest = (asked, index.nearness(stems))
        return self._latest[1]

    def signals(self, stems: Sequence[str]) -> Scores:
        """Return the signals of every article, signals × articles, each at most about 1."""
        section = self.outline.section
        fiches = self.fields["fiche"].scores(stems)
        whole_text = _relative(self.fields["whole_text"].scores(stems))
        lexical = [
            whole_text,
            _relative(self.fields["text"].scores(stems)),
            _relative(self.fields["path"].scores(stems))[section],
            _relative(self.fields["section"].scores(stems))[section],
        ]
        bridge = self._fiche_bridge.vote(fiches)
        nothing = np.zeros_like(whole_text)
        if self.semantic is None:
            questions = self._question_bridge.vote(
                self.fields["question"].scores(stems), sources=_QUESTION_SOURCES
            )
            learned = [nothing, nothing, nothing, bridge, nothing, questions]
        else:
            near = self._nearness(self.semantic, stems)
            articles = _relative(near.articles)
            learned = [
                articles,
                _relative(near.sections)[section],
                articles * whole_text,
                bridge,
                self._fiche_bridge.vote(near.fiches, power=_SEMANTIC_VOTE_POWER),
                self._question_bridge.vote(
                    near.questions, sources=_QUESTION_SOURCES, power=_SEMANTIC_VOTE_POWER
                )
                * max(0.0, float(near.questions.max(initial=0))),
            ]
        return np.stack([*lexical, *learned, self._cited], dtype=np.float32)


def _relative(scores: Scores) -> Scores:
    """Divide by the best score; what is below zero is zero."""
    best = float(scores.max(initial=0))
    if best <= 0:
        return np.zeros(len(scores), np.float32)
    return np.asarray(np.maximum(scores, 0) / best, np.float32)


def _best(scores: NDArray[np.float32], limit: int) -> list[Ranked]:
    """Return the `limit` best places; ties go to the first in the corpus."""
    limit = min(limit, int(np.isfinite(scores).sum()))
    if limit <= 0:
        return []
    floor = np.partition(scores, len(scores) - limit)[len(scores) - limit]
    places = np.flatnonzero(scores >= floor)
    places = places[np.argsort(-scores[places], kind="stable")][:limit]
    best = scores[places[0]]
    return [Ranked(int(place), float(np.exp(scores[place] - best))) for place in places]
