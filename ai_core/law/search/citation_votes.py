"""Citation votes: a plain-language source that matches the question votes for what it cites.

A fiche section of the ministry (or a question of ours) that resembles the question votes for the
articles it cites. One that cites many votes for each more weakly.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ai_core.law.search.lexical import Scores

_FULL_VOTE = 8
"""A source that cites more articles than this divides its vote by √(n / this)."""


class CitationVotes:
    """The citations of a family of sources, as a matrix of votes: sources × articles."""

    def __init__(self, votes: sparse.csr_array) -> None:
        self._votes = votes
        self.citing = np.diff(votes.indptr) > 0
        """Whether each source cites anything."""

    @classmethod
    def build(cls, cited: Sequence[Sequence[int]], articles: int) -> "CitationVotes":
        """Build from the articles that each source cites."""
        sources = [source for source, positions in enumerate(cited) for _ in positions]
        positions = [position for positions in cited for position in positions]
        weights = [1 / max(1.0, math.sqrt(len(cited[source]) / _FULL_VOTE)) for source in sources]
        shape = (len(cited), articles)
        matrix = sparse.coo_array(
            (np.array(weights, np.float32), (sources, positions)), shape=shape
        )
        return cls(sparse.csr_array(matrix))

    @classmethod
    def open(cls, path: Path) -> "CitationVotes":
        """Open a file that `save` wrote."""
        return cls(sparse.csr_array(sparse.load_npz(path)))

    def save(self, path: Path) -> None:
        """Write the matrix to a .npz file."""
        sparse.save_npz(path, self._votes)

    def cited(self) -> list[frozenset[int]]:
        """Return the articles that each source cites."""
        indices, starts = self._votes.indices, self._votes.indptr
        return [
            frozenset(indices[first:last].tolist()) for first, last in pairwise(starts.tolist())
        ]

    def citations(self) -> Scores:
        """Return how many sources cite each article."""
        return np.bincount(self._votes.indices, minlength=self._votes.shape[1]).astype(np.float32)

    def vote(self, scores: Scores, *, sources: int = 8, power: int = 2) -> Scores:
        """Return each article's votes, 1 for the best, from the `sources` most similar sources.

        The weight of a source is (its score / the best score) ** `power`; sources without citations
        are skipped.
        """
        scores = np.where(self.citing, scores, 0)
        nearest = best(scores, sources)
        nearest = nearest[scores[nearest] > 0]
        if not len(nearest):
            return np.zeros(self._votes.shape[1], np.float32)
        weights = (scores[nearest] / scores[nearest[0]]) ** power
        votes = self._summed(nearest, weights)
        return np.asarray(votes / votes.max(), np.float32)

    def support(self, votes: Scores) -> Scores:
        """Return of each source the summed votes of what it cites, as `build` divides them."""
        return np.asarray(self._votes @ votes, np.float32)

    def tally(self, scores: Scores, *, sources: int, power: int) -> Scores:
        """Return each article's votes, as `vote` weighs them, but by the scores as they are."""
        nearest = best(scores, sources)
        return self._summed(nearest, np.maximum(scores[nearest], 0) ** power)

    def _summed(self, sources: NDArray[np.int64], weights: Scores) -> Scores:
        """Return each article's votes from a few sources, each with its weight.

        The rows are read as they lie: scipy takes longer to cut them out than to multiply them.
        """
        votes = np.zeros(self._votes.shape[1], np.float32)
        starts, positions, own = self._votes.indptr, self._votes.indices, self._votes.data
        for source, weight in zip(sources.tolist(), weights, strict=True):
            row = slice(starts[source], starts[source + 1])
            votes[positions[row]] += weight * own[row]
        return votes


def best(scores: Scores, limit: int) -> NDArray[np.int64]:
    """Return the `limit` best positions, the best first; ties go to the first position."""
    limit = min(limit, len(scores))
    if limit <= 0:
        return np.zeros(0, np.int64)
    floor = np.partition(scores, len(scores) - limit)[len(scores) - limit]
    positions = np.flatnonzero(scores >= floor)
    return positions[np.argsort(-scores[positions], kind="stable")][:limit]
