"""Hybrid search over one version of the corpus: BM25, citation votes and the learned embedding.

Each signal scores every article; `ranking` weighs their sum. Without the embedding (it is trained
after the rest) the same search runs on the other signals. Not safe to share between threads.
"""

from collections.abc import Sequence
from datetime import date
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ai_core.law.records import Confidence, QuestionScope
from ai_core.law.search import encoder, semantic
from ai_core.law.search.article_metadata import ArticleMetadata
from ai_core.law.search.candidates import Articles, Candidates, Fiches
from ai_core.law.search.citation_votes import CitationVotes, best
from ai_core.law.search.coverage import Coverage
from ai_core.law.search.encoder import QuestionVectors
from ai_core.law.search.lexical import LexicalIndex, Scores
from ai_core.law.search.passage_terms import PassageTerms
from ai_core.law.search.query import SearchQuery
from ai_core.law.search.ranking import HEADINGS_SHARE, QuestionStyle, Ranking, StyleClassifier
from ai_core.law.search.relevance import Judged, Relevance, averaged
from ai_core.law.search.semantic import SemanticIndex, Similarities
from ai_core.law.search.stems import FrenchStemmer

FOLDER = "lexical.2"
"""The number changes with the format, so that an index of another format is built anew."""
_SCORED_FIELDS = ("whole_text", "text", "path", "section", "fiche")
FIELDS = (*_SCORED_FIELDS, "question")
"""The fields with a lexical index; "question" is scored only without the embedding."""

MOST_ARTICLES, MOST_VOTED, MOST_SECTIONS = 30, 10, 16
"""Candidates: articles by the signals, articles by the encoder's votes, fiche sections. The right
article is among the first thirty for 91 % of new questions, with the others for 93 %."""

_MOST_CITED = 2.5
_SEMANTIC_VOTE_POWER = 4
_QUESTION_SOURCES = 6


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
        self.encoder = QuestionVectors.open(directory / encoder.FOLDER)
        self._ranking, self._styles, self.stemmer = (
            Ranking.read(),
            StyleClassifier(),
            FrenchStemmer(),
        )
        self._cited = np.minimum(np.log1p(self._fiche_votes.citations()), _MOST_CITED)
        self._latest: tuple[tuple[str, ...], Similarities] | None = None
        quotable = np.diff(self.metadata.first_piece[self.metadata.articles :]) > 0
        self._quotable = quotable & ~self.metadata.repeated
        self._terms = PassageTerms.open(folder / "terms.npz")
        self._relevance = Relevance.read()
        self._cited_by = self._fiche_votes.cited()
        self._cited_by_fiche: dict[int, frozenset[int]] = {}
        for fiche, cited in zip(self.metadata.fiche.tolist(), self._cited_by, strict=True):
            self._cited_by_fiche[fiche] = self._cited_by_fiche.get(fiche, frozenset()) | cited

    def search(self, query: SearchQuery, day: date, count: int) -> list[Judged]:
        """Return what may answer on `day`, the most relevant first: articles and fiche sections.

        At least `count` articles are judged, as far as there are any.
        """
        if not (query.stems or (query.foreign and self.variant == "encoder")):
            return []
        style = self._styles.of(query.text, query.stems)
        found = self.candidates(query, day, style, count)
        judged = [
            self._relevance.judge(
                found, variant, headings=HEADINGS_SHARE[style], today=day.toordinal()
            )
            for variant in self._variants_of(query)
        ]
        return averaged(judged)

    def confidence(self, query: SearchQuery, best: float, scope: QuestionScope) -> Confidence:
        """Return how surely the best passage found, of this relevance, decides the question."""
        if scope in (QuestionScope.OUTSIDE, QuestionScope.UNCLEAR):
            return Confidence.NONE
        return self._relevance.confidence(best, self._variants_of(query)[0])

    def _variants_of(self, query: SearchQuery) -> tuple[str, ...]:
        """Return the signals that a question is judged by: in another language its meaning, and
        beside it what its French words tell.
        """
        if not query.foreign or self.variant != "encoder":
            return (self.variant,)
        return ("meaning", self.variant) if query.stems else ("meaning",)

    @property
    def variant(self) -> str:
        """The name of the signals available (see `relevance.VARIANTS`)."""
        if self.semantic is None:
            return "lexical"
        return "semantic" if self.encoder is None else "encoder"

    def candidates(
        self, query: SearchQuery, day: date, style: QuestionStyle, count: int = MOST_ARTICLES
    ) -> Candidates:
        """Return the articles in force on `day` and the fiche sections that may answer."""
        stems = query.weighted if style is not QuestionStyle.TRAIL else list(query.stems)
        weights = self._ranking.weights(style, semantic=self.semantic is not None)
        signals = self.signals(stems)
        scores = weights @ signals
        in_force = self.metadata.in_force(day)
        votes = np.zeros_like(scores)
        if self.semantic and self.encoder:
            votes = np.where(in_force, self.encoder.votes(query.text), 0)
        scores[~in_force | ~(signals[:-1].any(axis=0) | (votes > 0))] = -np.inf
        return Candidates(
            self._articles(query, scores, votes, max(count, MOST_ARTICLES), stems),
            self._fiches(query, votes, stems),
        )

    def _articles(
        self,
        query: SearchQuery,
        scores: Scores,
        votes: Scores,
        count: int,
        stems: Sequence[str],
    ) -> Articles:
        most = count if query.foreign else MOST_VOTED
        voted = _best(np.where(votes > 0, votes, -np.inf), most)
        positions = np.fromiter(dict.fromkeys([*_best(scores, count), *voted]), np.int64)
        rows = self.clearest(query, positions.tolist())
        similarity, nearest = np.zeros(len(positions), np.float32), 0.0
        if self.semantic:
            similar = self._similarities(self.semantic, stems)
            similarity = similar.articles[positions]
            nearest = float(similar.questions.max(initial=0))
        return Articles(
            positions=positions,
            rows=rows,
            standing=scores[positions],
            coverage=Coverage.of(query, self._terms, rows),
            similarity=similarity,
            votes=votes[positions],
            since=self.metadata.since[positions],
            nearest=nearest,
        )

    def _fiches(self, query: SearchQuery, votes: Scores, stems: Sequence[str]) -> Fiches:
        words = _relative(self.fields["fiche"].scores(stems))
        similarity = np.zeros(len(words), np.float32)
        if self.semantic:
            similarity = self._similarities(self.semantic, stems).fiches
        standing = words + _relative(similarity)
        if query.foreign:
            standing = _relative(self._fiche_votes.support(votes))
        standing[~self._quotable | (standing <= 0)] = -np.inf
        sections = _best(standing, MOST_SECTIONS)
        rows = self.clearest(query, (self.metadata.articles + sections).tolist())
        return Fiches(
            sections=self.metadata.articles + sections,
            rows=rows,
            standing=standing[sections],
            words=words[sections],
            coverage=Coverage.of(query, self._terms, rows),
            similarity=similarity[sections],
            cited=[self._cited_by[section] for section in sections],
            cited_by_fiche=[
                self._cited_by_fiche[self.metadata.fiche[section]] for section in sections
            ],
            updated=self.metadata.updated[sections],
        )

    def clearest(self, query: SearchQuery, sources: Sequence[int]) -> list[int]:
        """Return of each source the passage row that holds most of the question, or the first."""
        rows = [self.metadata.pieces(source) for source in sources]
        held = Coverage.of(query, self._terms, list(chain.from_iterable(rows))).whole
        starts = np.cumsum([0, *map(len, rows)])
        return [
            own[int(held[start : start + len(own)].argmax())]
            for own, start in zip(rows, starts.tolist(), strict=False)
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


def _best(scores: Scores, limit: int) -> NDArray[np.int64]:
    """Return the `limit` best positions with finite scores; ties go to the first in the corpus."""
    return best(scores, min(limit, int(np.isfinite(scores).sum())))
