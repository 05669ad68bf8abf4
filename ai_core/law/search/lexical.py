"""BM25 over bags of stems, one index per field of the law.

bm25s stores every score precomputed in a sparse matrix that is memory-mapped
(25 µs a question over the whole code; the same scores written in numpy took 40 µs). The variant
is Lucene's (Robertson and Zaragoza, 2009, with a positive idf).
"""

from collections.abc import Sequence
from pathlib import Path

import bm25s
import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]

_NOTHING = "∅"
"""A stem no text has, so that an index of empty texts can still be built."""


class LexicalIndex:
    """Scores a list of stems against every text of one field, in the order they were given."""

    def __init__(self, index: bm25s.BM25) -> None:
        self._index = index
        self.texts = int(index.scores["num_docs"])

    @classmethod
    def build(cls, texts: Sequence[list[str]], *, b: float = 0.75) -> "LexicalIndex":
        """Index bags of stems; `b` is BM25's length normalization."""
        index = bm25s.BM25(k1=1.5, b=b, method="lucene")
        index.index([text or [_NOTHING] for text in texts] or [[_NOTHING]], show_progress=False)
        return cls(index)

    @classmethod
    def open(cls, folder: Path) -> "LexicalIndex":
        """Open a folder that `save` wrote; the scores are memory-mapped."""
        return cls(bm25s.BM25.load(folder, mmap=True))

    def save(self, folder: Path) -> None:
        """Write the index into `folder`."""
        self._index.save(folder)

    def scores(self, stems: Sequence[str]) -> Scores:
        """Return one score per text; repeated stems count as often as they occur."""
        known = [stem for stem in stems if stem in self._index.vocab_dict]
        if not known:
            return np.zeros(self.texts, np.float32)
        return np.asarray(self._index.get_scores(known), np.float32)
