"""Candidates of one question: articles and fiche sections, with all that relevance is judged by."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ai_core.law.search.coverage import Coverage

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Articles:
    """Articles that may answer; one value each.

    `standing`: the weighted sum of the signals. `similarity`: the cosine with the question.
    `votes`: of the everyday questions nearest by the encoder. `since`: in force from (ordinal).
    `nearest`: the cosine of the nearest everyday question.
    """

    positions: NDArray[np.int64]
    rows: list[int]
    standing: Floats
    coverage: Coverage
    similarity: Floats
    votes: Floats
    since: NDArray[np.int32]
    nearest: float


@dataclass(frozen=True, slots=True)
class Fiches:
    """Fiche sections that may answer; one value each.

    `standing`: words and embedding, summed; `words`: of the words alone. `cited`: the articles a
    section cites; `cited_by_fiche`: those of its whole fiche. `updated`: its date (ordinal).
    """

    sections: NDArray[np.int64]
    rows: list[int]
    standing: Floats
    words: Floats
    coverage: Coverage
    similarity: Floats
    cited: list[frozenset[int]]
    cited_by_fiche: list[frozenset[int]]
    updated: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a question may be answered with."""

    articles: Articles
    fiches: Fiches
