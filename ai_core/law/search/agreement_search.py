"""Search inside one collective agreement. Not safe to share between threads."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ai_core.law.corpus import Corpus
from ai_core.law.records import Agreement, Passage
from ai_core.law.search.lexical import LexicalIndex
from ai_core.law.search.stems import FrenchStemmer

OPEN_AGREEMENTS = 3
"""Agreement indexes kept in memory: 5 to 20 MB each."""


class AgreementSearch:
    """Searches the clauses of the agreement that applies; indexes it on its first use."""

    def __init__(self, corpus: Corpus, stemmer: FrenchStemmer) -> None:
        self._corpus = corpus
        self._stemmer = stemmer
        self._opened: OrderedDict[str, tuple[LexicalIndex, tuple[Passage, ...]]] = OrderedDict()

    def passages(
        self, agreement: Agreement | None, stems: Sequence[str], limit: int
    ) -> list[Passage]:
        """Return the best passages of the agreement, best first; none without an agreement."""
        if agreement is None or limit < 1:
            return []
        index, passages = self._open(agreement.idcc)
        scores = index.scores(stems)
        best = [int(row) for row in np.argsort(-scores, kind="stable")[:limit] if scores[row] > 0]
        return [replace(passages[row], score=float(scores[row] / scores[best[0]])) for row in best]

    def _open(self, idcc: str) -> tuple[LexicalIndex, tuple[Passage, ...]]:
        """Index an agreement on its first use; the least recently used one is dropped."""
        if idcc not in self._opened:
            passages = self._corpus.agreement_passages(idcc)
            texts = [
                self._stemmer(" ".join((*one.section_path[-3:], one.text))) for one in passages
            ]
            self._opened[idcc] = LexicalIndex.build(texts), passages
            if len(self._opened) > OPEN_AGREEMENTS:
                self._opened.popitem(last=False)
        self._opened.move_to_end(idcc)
        return self._opened[idcc]
