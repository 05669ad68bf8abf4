"""The stems of every passage, and how rare each stem is: what of a question a passage holds.

A passage's titles count as its own words: an article whose section is called "Astreintes" speaks of
on-call duty without writing the word. A stem that no passage holds is as rare as can be, so a
question about it is never covered.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int32]

MOST_RARITY = 9.0
"""The idf of a stem that one passage holds, and of one that none holds."""


@dataclass(frozen=True, slots=True)
class PassageTerms:
    """Sorted stem ids of each passage row: of its text and of its titles."""

    vocabulary: dict[str, int]
    rarity: NDArray[np.float32]
    text_starts: Ids
    text: Ids
    title_starts: Ids
    title: Ids

    @classmethod
    def build(
        cls, texts: Iterable[Sequence[str]], titles: Iterable[Sequence[str]]
    ) -> "PassageTerms":
        """Build from the stems of each passage's text and titles, in the order of rows."""
        vocabulary: dict[str, int] = {}
        text_starts, text = _rows(texts, vocabulary)
        title_starts, title = _rows(titles, vocabulary)
        count = len(text_starts) - 1
        holds = np.bincount(text, minlength=len(vocabulary))
        rarity = np.log((count + 1) / (holds + 0.5)).clip(max=MOST_RARITY).astype(np.float32)
        return cls(vocabulary, rarity, text_starts, text, title_starts, title)

    @classmethod
    def open(cls, path: Path) -> "PassageTerms":
        """Open a file that `save` wrote."""
        with np.load(path) as saved:
            stems = bytes(saved["vocabulary"]).decode().split("\n")
            arrays = {field.name: saved[field.name] for field in fields(cls)[1:]}
        return cls({stem: at for at, stem in enumerate(stems)}, **arrays)

    def save(self, path: Path) -> None:
        """Write it to a .npz file."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self)[1:]}
        stems = np.frombuffer("\n".join(self.vocabulary).encode(), np.uint8)
        np.savez(path, vocabulary=stems, **arrays)

    def rarity_of(self, stem: str) -> float:
        """Return the idf of a stem."""
        known = self.vocabulary.get(stem)
        return MOST_RARITY if known is None else float(self.rarity[known])

    def of_text(self, row: int) -> Ids:
        """Return the stems of a passage's text."""
        return self.text[self.text_starts[row] : self.text_starts[row + 1]]

    def of_titles(self, row: int) -> Ids:
        """Return the stems of a passage's titles."""
        return self.title[self.title_starts[row] : self.title_starts[row + 1]]


def _rows(texts: Iterable[Sequence[str]], vocabulary: dict[str, int]) -> tuple[Ids, Ids]:
    starts, ids = [0], list[int]()
    for stems in texts:
        ids += sorted({vocabulary.setdefault(stem, len(vocabulary)) for stem in stems})
        starts.append(len(ids))
    return np.array(starts, np.int32), np.array(ids, np.int32)
