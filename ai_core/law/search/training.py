"""Trains the embedding of `semantic` on the indexed sources alone, on one core.

Pairs of texts that belong together: titles and the article under them, a fiche's titles and the
articles it cites, the words around a citation and the article cited, a fiche section's titles and
its text, the two halves of an article, our everyday questions and the articles that answer them.
`contrastive` moves the two texts of a pair closer than the other texts of the batch, for a fixed
number of steps (more would overfit). The same corpus and seed give the same embedding.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain

import numpy as np

from ai_core.law.references import canonical
from ai_core.law.search.contrastive import ContrastiveTrainer, TrainingBatch
from ai_core.law.search.semantic import SemanticIndex, TermEmbedding, Vocabulary, bags
from ai_core.law.search.stems import REFERENCE, with_bigrams, without_references
from ai_core.law.search.tokens import TokenizedCorpus, flat

DIMENSIONS = 256
STEPS = 300

_MOST_STEMS, _MOST_TERMS = 14_000, 27_000
_FEWEST_STEMS, _FEWEST_PAIRS = 2, 3
_FICHE_STEMS = 300
_HALVED_STEMS = 30
_CHARS_BEFORE, _CHARS_AFTER = 300, 200
_BATCH_PAIRS = 768

Terms = list[str]


class PairKind(StrEnum):
    """Origin of a training pair."""

    TITLE = "titles over an article"
    CITATION = "a fiche's titles and an article it cites"
    WINDOW = "the words around a citation and the article"
    FICHE = "a fiche section's titles and its text"
    HALVES = "two halves of an article"
    QUESTION = "a question of ours and an article that answers it"


_SHARE = {
    PairKind.TITLE: 0.15,
    PairKind.CITATION: 0.35,
    PairKind.WINDOW: 0.10,
    PairKind.FICHE: 0.15,
    PairKind.HALVES: 0.05,
    PairKind.QUESTION: 0.20,
}
"""How often each kind is drawn."""


@dataclass(slots=True)
class TrainingPairs:
    """Training pairs: `lefts[i]` belongs with `targets[rights[i]]`."""

    targets: list[Terms]
    lefts: list[Terms] = field(default_factory=list)
    rights: list[int] = field(default_factory=list)
    kinds: list[PairKind] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    def pair(self, kind: PairKind, left: Terms, right: int, weight: float = 1.0) -> None:
        """Add a pair with an existing target as its right side."""
        self.lefts.append(left)
        self.rights.append(right)
        self.kinds.append(kind)
        self.weights.append(weight)

    def pair_text(self, kind: PairKind, left: Terms, text: Terms) -> None:
        """Add a pair with a new target."""
        self.targets.append(text)
        self.pair(kind, left, len(self.targets) - 1)

    def batches(self, vocabulary: Vocabulary, seed: int) -> Iterator[TrainingBatch]:
        """Yield batches endlessly."""
        lefts, targets = bags(self.lefts, vocabulary), bags(self.targets, vocabulary)
        rights, chance = np.array(self.rights), np.array(self.weights)
        for kind, share in _SHARE.items():
            of_kind = np.array([drawn == kind for drawn in self.kinds])
            chance[of_kind] *= share / max(chance[of_kind].sum(), 1e-9)
        ladder = np.cumsum(chance / chance.sum())
        random = np.random.default_rng(seed)
        while True:
            drawn = np.searchsorted(ladder, random.random(_BATCH_PAIRS)).clip(max=len(rights) - 1)
            drawn = np.unique(drawn)
            yield TrainingBatch(lefts[drawn], targets[rights[drawn]], rights[drawn])


def learn(tokens: TokenizedCorpus, *, steps: int = STEPS, seed: int = 0) -> SemanticIndex:
    """Train the embedding of this corpus and embed everything in it (half a minute)."""
    articles = article_terms(tokens)
    vocabulary, rarity = _vocabulary(tokens)
    training = _training_pairs(tokens, articles)
    trainer = ContrastiveTrainer(bags(articles, vocabulary), rarity, DIMENSIONS, seed)
    for step, batch in zip(range(steps), training.batches(vocabulary, seed), strict=False):
        trainer.step(batch, step / steps)
    embedding = TermEmbedding(vocabulary, trainer.term_vectors())
    return SemanticIndex.build(
        embedding,
        embedding.embed_all(articles),
        np.array(tokens.sections, np.int32),
        embedding.embed_all(fiche_terms(tokens)),
        embedding.embed_all(with_bigrams(stems) for stems, _ in tokens.questions),
    )


def article_terms(tokens: TokenizedCorpus) -> list[Terms]:
    """Return each article's terms: its text, its titles, and the last three titles again."""
    return [
        with_bigrams(text) + flat([with_bigrams(title) for title in (*titles, *titles[-3:])])
        for text, titles in zip(tokens.texts, tokens.titles, strict=True)
    ]


def fiche_terms(tokens: TokenizedCorpus) -> list[Terms]:
    """Return each fiche section's terms: its two titles, and its text as far as it is read."""
    return [
        with_bigrams(fiche) + with_bigrams(section) + with_bigrams(text[:_FICHE_STEMS])
        for (fiche, section), text in zip(tokens.fiche_titles, tokens.fiche_texts, strict=True)
    ]


def _vocabulary(tokens: TokenizedCorpus) -> tuple[Vocabulary, list[float]]:
    """Choose the terms of the vocabulary, with the idf of each."""
    articles = (
        with_bigrams(text) + flat([with_bigrams(title) for title in titles[-3:]])
        for text, titles in zip(tokens.texts, tokens.titles, strict=True)
    )
    questions = (with_bigrams(stems) for stems, _ in tokens.questions)
    texts = 0
    found: Counter[str] = Counter()
    for terms in chain(articles, fiche_terms(tokens), questions):
        found.update(set(terms))
        texts += 1
    ranked = sorted(found, key=lambda term: (-found[term], term))
    stems = [t for t in ranked if "_" not in t and found[t] >= _FEWEST_STEMS][:_MOST_STEMS]
    paired = [t for t in ranked if "_" in t and found[t] >= _FEWEST_PAIRS]
    kept = stems + paired[: _MOST_TERMS - len(stems)]
    return (
        {term: position for position, term in enumerate(kept)},
        [math.log(texts / (found[term] + 1)) for term in kept],
    )


def _training_pairs(tokens: TokenizedCorpus, articles: Sequence[Terms]) -> TrainingPairs:
    training = TrainingPairs(targets=list(articles))
    for add in (_titles, _halves, _fiches, _windows, _questions):
        add(tokens, training)
    return training


def _titles(tokens: TokenizedCorpus, training: TrainingPairs) -> None:
    for titles, text in zip(tokens.titles, tokens.texts, strict=True):
        if titles:
            left = flat([with_bigrams(title) for title in titles[-2:]])
            training.pair_text(PairKind.TITLE, left, with_bigrams(text) + with_bigrams(titles[-1]))


def _halves(tokens: TokenizedCorpus, training: TrainingPairs) -> None:
    for text in tokens.texts:
        if len(text) > _HALVED_STEMS:
            middle = len(text) // 2
            training.pair_text(
                PairKind.HALVES, with_bigrams(text[:middle]), with_bigrams(text[middle:])
            )


def _fiches(tokens: TokenizedCorpus, training: TrainingPairs) -> None:
    for (fiche, section), text, cited in zip(
        tokens.fiche_titles, tokens.fiche_texts, tokens.cited, strict=True
    ):
        wide, near = with_bigrams(fiche), with_bigrams(section)
        if len(text) > 8:
            training.pair_text(PairKind.FICHE, wide + near, with_bigrams(text[:_FICHE_STEMS]))
        for article in cited:
            weight = 1 / math.sqrt(len(cited))
            training.pair(PairKind.CITATION, wide + near, article, weight)
            training.pair(PairKind.CITATION, wide, article, weight / 2)
            if near:
                training.pair(PairKind.CITATION, near, article, weight / 2)


def _windows(tokens: TokenizedCorpus, training: TrainingPairs) -> None:
    for section in tokens.fiches:
        for found in REFERENCE.finditer(section.text):
            start = max(0, found.start() - _CHARS_BEFORE)
            around = section.text[start : found.end() + _CHARS_AFTER]
            for article in tokens.by_number.get(canonical(found.group()), ()):
                left = with_bigrams(tokens.stemmer(without_references(around)))
                training.pair(PairKind.WINDOW, left, article)


def _questions(tokens: TokenizedCorpus, training: TrainingPairs) -> None:
    for stems, cited in tokens.questions:
        for article in cited:
            training.pair(
                PairKind.QUESTION, with_bigrams(stems), article, 1 / math.sqrt(len(cited))
            )
