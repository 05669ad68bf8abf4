"""What of a question each passage holds, weighed by how rare the words are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ai_core.law.search.passage_terms import PassageTerms
from ai_core.law.search.query import SearchQuery

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of each passage, between 0 and 1.

    `whole`: the share of the question it holds, titles included. `titles`: the share that its
    titles hold. `precision`: the share of its titles that the question holds. Shares are of the
    summed idf of the words.
    """

    whole: Floats
    titles: Floats
    precision: Floats

    @classmethod
    def of(cls, query: SearchQuery, terms: PassageTerms, rows: Sequence[int]) -> "Coverage":
        """Measure these passage rows; words that no passage holds count as the rarest."""
        asked = np.array(
            sorted({terms.vocabulary[s] for s in query.expanded if s in terms.vocabulary}),
            np.int32,
        )
        weights = np.array([terms.rarity_of(meaning[0]) for meaning in query.meanings], np.float32)
        if not len(asked) or not len(rows):
            nothing = np.zeros(len(rows), np.float32)
            return cls(nothing, nothing, nothing)
        means = np.zeros((len(asked), len(query.meanings)), bool)
        for column, meaning in enumerate(query.meanings):
            ids = [terms.vocabulary[stem] for stem in meaning if stem in terms.vocabulary]
            means[np.searchsorted(asked, ids), column] = True
        title_ids = [terms.of_titles(row) for row in rows]
        in_titles = _holds(asked, title_ids)
        held = in_titles | _holds(asked, [terms.of_text(row) for row in rows])
        total = max(float(weights.sum()), 1e-6)
        title_weight = np.array([terms.rarity[ids].sum() for ids in title_ids], np.float32)
        return cls(
            whole=((held @ means) @ weights) / total,
            titles=((in_titles @ means) @ weights) / total,
            precision=np.asarray(
                (in_titles @ terms.rarity[asked]) / np.maximum(title_weight, 1e-6), np.float32
            ),
        )


def _holds(asked: NDArray[np.int32], texts: Sequence[NDArray[np.int32]]) -> NDArray[np.bool_]:
    """Return a matrix, texts × stems asked for: which text holds which stem."""
    found = np.zeros((len(texts), len(asked)), bool)
    ids = np.concatenate(texts)
    owner = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    at = np.searchsorted(asked, ids).clip(max=len(asked) - 1)
    hit = asked[at] == ids
    found[owner[hit], at[hit]] = True
    return found
