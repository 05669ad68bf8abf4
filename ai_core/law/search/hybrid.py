"""Hybrid search over one version of the corpus: BM25, citation votes and the learned embedding.

Each signal scores every article; `ranking` weighs their sum. Without the embedding (it is trained
after the rest) the same search runs on the other signals. Not safe to share between threads.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ai_core.law.search import semantic
from ai_core.law.search.article_metadata import ArticleMetadata
from ai_core.law.search.citation_votes import CitationVotes
from ai_core.law.search.lexical import LexicalIndex, Scores
from ai_core.law.search.ranking import Ranking, StyleClassifier
from ai_core.law.search.semantic import SemanticIndex, Similarities
from ai_core.law.search.stems import FrenchStemmer

FOLDER = "lexical.1"
"""The number changes with the format, so that an index of another format is built anew."""
_SCORED_FIELDS = ("whole_text", "text", "path", "section", "fiche")
FIELDS = (*_SCORED_FIELDS, "question")
"""The fields with a lexical index; "question" is scored only without the embedding."""

_MOST_CITED = 2.5
_SEMANTIC_VOTE_POWER = 4
_QUESTION_SOURCES = 6


@dataclass(frozen=True, slots=True)
class Hit:
    """A source found, numbered as in `ArticleMetadata.pieces`, and its score (best: 1)."""

    source: int
    score: float


class HybridSearch:
    """The indexes of one version of the corpus, opened."""

    def __init__(self, directory: Path) -> None:
        folder = directory / FOLDER
        self.metadata = ArticleMetadata.open(folder / "outline.npz")
        self.fields = {name: LexicalIndex.open(folder / name) for name in FIELDS}
        self._fiche_votes = CitationVotes.open(folder / "fiche_bridge.npz")
        self._question_votes = CitationVotes.open(folder / "question_bridge.npz")
        learned = directory / semantic.FOLDER
        self.semantic = SemanticIndex.open(learned) if learned.exists() else None
        self._ranking, self._styles, self.stemmer = (
            Ranking.read(),
            StyleClassifier(),
            FrenchStemmer(),
        )
        self._cited = np.minimum(np.log1p(self._fiche_votes.citations()), _MOST_CITED)
        self._latest: tuple[tuple[str, ...], Similarities] | None = None
        self._quotable = np.diff(self.metadata.first_piece[self.metadata.articles :]) > 0

    def articles(self, question: str, stems: Sequence[str], day: date, limit: int) -> list[Hit]:
        """Return the best articles in force on `day`, best first; `stems` are the question's."""
        if not stems:
            return []
        style = self._styles.of(question, stems)
        weights = self._ranking.weights(style, semantic=self.semantic is not None)
        signals = self.signals(stems)
        scores = weights @ signals
        scores[~self.metadata.in_force(day) | ~signals[:-1].any(axis=0)] = -np.inf
        return _best(scores, limit)

    def fiches(self, stems: Sequence[str], limit: int) -> list[Hit]:
        """Return the best fiche sections, best first."""
        scores = _relative(self.fields["fiche"].scores(stems))
        if self.semantic:
            scores = scores + _relative(self._similarities(self.semantic, stems).fiches)
        scores[~self._quotable] = 0
        first = self.metadata.articles
        return [
            Hit(first + hit.source, hit.score)
            for hit in _best(scores, limit)
            if scores[hit.source] > 0
        ]

    def _similarities(self, index: SemanticIndex, stems: Sequence[str]) -> Similarities:
        """Compute a question's similarities, once for both articles and fiches."""
        question = tuple(stems)
        if self._latest is None or self._latest[0] != question:
            self._latest = (question, index.similarities(stems))
        return self._latest[1]

    def signals(self, stems: Sequence[str]) -> Scores:
        """Return the signals of every article, signals × articles, each at most about 1."""
        section = self.metadata.section
        bm25 = {name: self.fields[name].scores(stems) for name in _SCORED_FIELDS}
        whole_text = _relative(bm25["whole_text"])
        lexical = [
            whole_text,
            _relative(bm25["text"]),
            _relative(bm25["path"])[section],
            _relative(bm25["section"])[section],
        ]
        fiche_votes = self._fiche_votes.vote(bm25["fiche"])
        nothing = np.zeros_like(whole_text)
        if self.semantic is None:
            questions = self._question_votes.vote(
                self.fields["question"].scores(stems), sources=_QUESTION_SOURCES
            )
            learned = [nothing, nothing, nothing, fiche_votes, nothing, questions]
        else:
            similar = self._similarities(self.semantic, stems)
            articles = _relative(similar.articles)
            learned = [
                articles,
                _relative(similar.sections)[section],
                articles * whole_text,
                fiche_votes,
                self._fiche_votes.vote(similar.fiches, power=_SEMANTIC_VOTE_POWER),
                self._question_votes.vote(
                    similar.questions, sources=_QUESTION_SOURCES, power=_SEMANTIC_VOTE_POWER
                )
                * max(0.0, float(similar.questions.max(initial=0))),
            ]
        return np.stack([*lexical, *learned, self._cited], dtype=np.float32)


def _relative(scores: Scores) -> Scores:
    """Divide by the best score; negative scores become zero."""
    best = float(scores.max(initial=0))
    if best <= 0:
        return np.zeros(len(scores), np.float32)
    return np.asarray(np.maximum(scores, 0) / best, np.float32)


def _best(scores: NDArray[np.float32], limit: int) -> list[Hit]:
    """Return the `limit` best positions; ties go to the first in the corpus."""
    limit = min(limit, int(np.isfinite(scores).sum()))
    if limit <= 0:
        return []
    floor = np.partition(scores, len(scores) - limit)[len(scores) - limit]
    positions = np.flatnonzero(scores >= floor)
    positions = positions[np.argsort(-scores[positions], kind="stable")][:limit]
    best = scores[positions[0]]
    return [Hit(int(position), float(np.exp(scores[position] - best))) for position in positions]
