"""Our everyday questions in folds, each with indexes that never saw its questions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ai_core.law.search import indexing, semantic
from ai_core.law.search.hybrid import HybridSearch
from ai_core.law.search.tokens import TokenizedCorpus

FOLDS = 4

Unseen = tuple[str, list[str], tuple[int, ...]]
"""A question, its stems, the articles that answer it."""


@dataclass(frozen=True)
class Fold:
    """Indexes that never saw `unseen`: texts, stems and answers of everyday questions."""

    folder: Path
    unseen: list[Unseen]

    def opened(self, variant: str) -> HybridSearch:
        """Open its indexes as far as a variant has them (see `relevance.VARIANTS`)."""
        hybrid = HybridSearch(self.folder)
        if variant == "lexical":
            hybrid.semantic = None
        if variant in ("lexical", "semantic"):
            hybrid.encoder = None
        return hybrid


def build_folds(tokens: TokenizedCorpus, folder: Path) -> Iterator[Fold]:
    """Build the indexes of each fold, but for an embedding that is there already."""
    drawn = np.random.default_rng(0).integers(0, FOLDS, len(tokens.questions))
    for held in range(FOLDS):
        own = folder / str(held)
        own.mkdir(exist_ok=True)
        part = without(tokens, np.flatnonzero(drawn == held).tolist())
        indexing.write_lexical(part, own)
        indexing.write_encoder(part, own)
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


def without(tokens: TokenizedCorpus, held_out: Sequence[int]) -> TokenizedCorpus:
    """Return the same tokens without these everyday questions."""
    kept = sorted(set(range(len(tokens.asked))).difference(held_out))
    part = replace(tokens)
    part.__dict__.update(
        tokens.__dict__
        | {
            "asked": [tokens.asked[at] for at in kept],
            "questions": [tokens.questions[at] for at in kept],
        }
    )
    return part
