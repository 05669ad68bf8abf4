"""Contrastive learning of term vectors: InfoNCE (van den Oord et al., 2018) with Adam, in numpy.

A text is the weighted sum of its terms' vectors, normalized to length 1. Each step takes a batch of
pairs and moves the vectors so that each text is nearer to its partner than to the other partners of
the batch (in-batch negatives). Only the terms of the batch are updated, so a step costs 60 ms.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Matrix = NDArray[np.float32]

_TEMPERATURE = 0.08
_LEFT_DROPOUT, _RIGHT_DROPOUT = 0.24, 0.4
"""Share of terms left out of each text, so that no single term carries a pair."""

_LEARNING_RATE = 4e-3
_WARM_UP = 0.1
_MEMORY_1, _MEMORY_2, _FLOOR = 0.9, 0.999, 1e-8
_POWER_STEPS = 3


@dataclass(frozen=True, slots=True)
class TrainingBatch:
    """Pairs as rows of term counts; equal `targets` are the same text, never a negative."""

    lefts: sparse.csr_array
    rights: sparse.csr_array
    targets: NDArray[np.int64]


class ContrastiveTrainer:
    """Adam on the InfoNCE loss of the term vectors."""

    def __init__(
        self, texts: sparse.csr_array, rarity: Sequence[float], dimensions: int, seed: int
    ) -> None:
        self._random = np.random.default_rng(seed)
        idf = np.array(rarity, np.float32)
        self._vectors = _principal(texts, idf, dimensions, self._random)
        self._weights = np.log(np.maximum(idf / idf.mean(), 0) + 0.05)
        self._moments = [
            (np.zeros_like(values), np.zeros_like(values))
            for values in (self._vectors, self._weights)
        ]
        self._steps = 0

    def term_vectors(self) -> Matrix:
        """Return each term's vector, its weight multiplied in."""
        return np.asarray(np.exp(self._weights)[:, None] * self._vectors, np.float32)

    def step(self, batch: TrainingBatch, progress: float) -> None:
        """Train on one batch; `progress` goes from 0 to 1 and sets the learning rate."""
        count = len(batch.targets)
        texts, terms = _compact(
            sparse.vstack(
                [
                    self._thinned(batch.lefts, _LEFT_DROPOUT),
                    self._thinned(batch.rights, _RIGHT_DROPOUT),
                ]
            ).tocsr()
        )
        weights = np.exp(self._weights[terms])[:, None]
        weighted = weights * self._vectors[terms]
        sums = texts @ weighted
        lengths = np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-6)
        points = sums / lengths
        pull = _pull(points[:count], points[count:], batch.targets)
        slope = (pull - points * (pull * points).sum(1, keepdims=True)) / lengths
        by_term = texts.T @ slope
        self._steps += 1
        pace = _LEARNING_RATE * (min(1.0, progress / _WARM_UP) * (1 - progress) + 0.02)
        self._move(0, self._vectors, terms, by_term * weights, pace)
        self._move(1, self._weights, terms, (by_term * weighted).sum(1), pace)

    def _thinned(self, texts: sparse.csr_array, share: float) -> sparse.csr_array:
        thin = texts.copy()
        thin.data = thin.data * (self._random.random(len(thin.data)) > share)
        thin.eliminate_zeros()
        return thin

    def _move(
        self, which: int, values: Matrix, rows: NDArray[np.int64], slope: Matrix, pace: float
    ) -> None:
        """Take one Adam step (Kingma and Ba, 2015) on these rows."""
        first, second = self._moments[which]
        first[rows] = mean = _MEMORY_1 * first[rows] + (1 - _MEMORY_1) * slope
        second[rows] = square = _MEMORY_2 * second[rows] + (1 - _MEMORY_2) * slope**2
        mean = mean / (1 - _MEMORY_1**self._steps)
        square = square / (1 - _MEMORY_2**self._steps)
        values[rows] -= pace * mean / (np.sqrt(square) + _FLOOR)


def _compact(texts: sparse.csr_array) -> tuple[sparse.csr_array, NDArray[np.int64]]:
    """Drop the unused columns; returns the indices of the others."""
    used = np.zeros(texts.shape[1], bool)
    used[texts.indices] = True
    terms = np.flatnonzero(used)
    positions = (np.cumsum(used) - 1)[texts.indices]
    shape = (texts.shape[0], len(terms))
    return sparse.csr_array((texts.data, positions, texts.indptr), shape=shape), terms


def _pull(lefts: Matrix, rights: Matrix, targets: NDArray[np.int64]) -> Matrix:
    """Return the gradient of the symmetric loss at each point of the batch."""
    alike = lefts @ rights.T / _TEMPERATURE
    same = (targets[:, None] == targets[None, :]) & ~np.eye(len(targets), dtype=bool)
    alike[same] = -np.inf
    slope = _softmax(alike) + _softmax(alike.T).T
    slope[np.diag_indices_from(slope)] -= 2
    slope /= 2 * len(targets) * _TEMPERATURE
    return np.vstack([slope @ rights, slope.T @ lefts])


def _softmax(scores: Matrix) -> Matrix:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def _principal(
    texts: sparse.csr_array, idf: Matrix, dimensions: int, random: np.random.Generator
) -> Matrix:
    """Return term vectors from a randomised SVD of tf-idf (Halko, Martinsson and Tropp, 2011)."""
    weighted = texts @ sparse.diags_array(idf)
    lengths = np.sqrt(np.asarray((weighted**2).sum(axis=1))).ravel()
    weighted = (sparse.diags_array(1 / np.maximum(lengths, 1e-6)) @ weighted).astype(np.float32)
    wanted = min(dimensions, *weighted.shape)
    basis = weighted @ random.standard_normal((weighted.shape[1], wanted + 16), np.float32)
    for _ in range(_POWER_STEPS):
        basis = np.linalg.qr(weighted @ (weighted.T @ np.linalg.qr(basis)[0]))[0]
    _, strengths, directions = np.linalg.svd((weighted.T @ basis).T, full_matrices=False)
    vectors = directions[:wanted].T * np.sqrt(strengths[:wanted])
    vectors /= np.sqrt((vectors**2).sum(axis=1).mean())
    return np.ascontiguousarray(vectors, np.float32)
