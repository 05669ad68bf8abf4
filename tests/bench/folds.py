"""Our everyday questions in folds, each with indexes that never saw its questions."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ai_core.law.search import indexing, semantic
from ai_core.law.search.hybrid import HybridSearch
from ai_core.law.search.tokens import TokenizedCorpus

FOLDS = 4

Question = tuple[list[str], tuple[int, ...]]
Unseen = tuple[str, list[str], tuple[int, ...]]
"""A question, its stems, the articles that answer it."""


@dataclass(frozen=True)
class Fold:
    """Indexes that never saw `unseen`: texts, stems and answers of everyday questions."""

    folder: Path
    unseen: list[Unseen]

    def opened(self, *, semantic: bool) -> HybridSearch:
        """Open its indexes, with the embedding or without."""
        hybrid = HybridSearch(self.folder)
        if not semantic:
            hybrid.semantic = None
        return hybrid


def build_folds(tokens: TokenizedCorpus, folder: Path) -> Iterator[Fold]:
    """Build the indexes of each fold, but for an embedding that is there already."""
    drawn = np.random.default_rng(0).integers(0, FOLDS, len(tokens.questions))
    for held in range(FOLDS):
        own = folder / str(held)
        own.mkdir(exist_ok=True)
        part = without(
            tokens, [q for q, f in zip(tokens.questions, drawn, strict=True) if f != held]
        )
        indexing.write_lexical(part, own)
        if not (own / semantic.FOLDER).exists():
            indexing.write_semantic(part, own)
        unseen = [
            (text, stems, cited)
            for (text, cited), (stems, _), fold in zip(
                tokens.asked, tokens.questions, drawn, strict=True
            )
            if fold == held
        ]
        yield Fold(own, unseen)


def without(tokens: TokenizedCorpus, questions: list[Question]) -> TokenizedCorpus:
    """Return the same tokens with these everyday questions only."""
    part = replace(tokens)
    part.__dict__.update(tokens.__dict__ | {"questions": questions})
    return part
