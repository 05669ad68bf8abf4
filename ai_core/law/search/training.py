"""Learns the embedding of `semantic` from the indexed sources alone, on one core.

Pairs of texts that belong together: titles and the article under them, a fiche's titles and the
articles it cites, the words around a citation and the article cited, a fiche section's titles and
its text, the two halves of an article, our everyday questions and the articles that answer them.
`descent` brings the two texts of a pair closer than the other texts of the batch, for a fixed
number of steps (longer over-fits). The same corpus and seed give the same embedding.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain

import numpy as np

from ai_core.law.references import canonical
from ai_core.law.search.descent import Batch, Descent
from ai_core.law.search.semantic import Embedding, SemanticIndex, Vocabulary, bags
from ai_core.law.search.stems import REFERENCE, pairs, without_references
from ai_core.law.search.tokens import Material, flat

DIMENSIONS = 256
STEPS = 300

_MOST_STEMS, _MOST_TERMS = 14_000, 27_000
_FEWEST_STEMS, _FEWEST_PAIRS = 2, 3
_FICHE_STEMS = 300
_HALVED_STEMS = 30
_CHARS_BEFORE, _CHARS_AFTER = 300, 200
_BATCH_PAIRS = 768

Terms = list[str]


class Kind(StrEnum):
    """Where a pair comes from."""

    TITLE = "titles over an article"
    CITATION = "a fiche's titles and an article it cites"
    WINDOW = "the words around a citation and the article"
    FICHE = "a fiche section's titles and its text"
    HALVES = "two halves of an article"
    QUESTION = "a question of ours and an article that answers it"


_SHARE = {
    Kind.TITLE: 0.15,
    Kind.CITATION: 0.35,
    Kind.WINDOW: 0.10,
    Kind.FICHE: 0.15,
    Kind.HALVES: 0.05,
    Kind.QUESTION: 0.20,
}
"""How often each kind is drawn."""


@dataclass(slots=True)
class Lesson:
    """Pairs to learn from: `lefts[i]` belongs with `targets[rights[i]]`."""

    targets: list[Terms]
    lefts: list[Terms] = field(default_factory=list)
    rights: list[int] = field(default_factory=list)
    kinds: list[Kind] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    def pair(self, kind: Kind, left: Terms, right: int, weight: float = 1.0) -> None:
        """Add a pair whose right side is a target already there."""
        self.lefts.append(left)
        self.rights.append(right)
        self.kinds.append(kind)
        self.weights.append(weight)

    def pair_text(self, kind: Kind, left: Terms, text: Terms) -> None:
        """Add a pair with a target of its own."""
        self.targets.append(text)
        self.pair(kind, left, len(self.targets) - 1)

    def batches(self, vocabulary: Vocabulary, seed: int) -> Iterator[Batch]:
        """Draw batches without end."""
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
            yield Batch(lefts[drawn], targets[rights[drawn]], rights[drawn])


def learn(material: Material, *, steps: int = STEPS, seed: int = 0) -> SemanticIndex:
    """Learn the embedding of this corpus and place everything in it (half a minute)."""
    articles = article_terms(material)
    vocabulary, rarity = _vocabulary(material)
    lesson = _lesson(material, articles)
    descent = Descent(bags(articles, vocabulary), rarity, DIMENSIONS, seed)
    for step, batch in zip(range(steps), lesson.batches(vocabulary, seed), strict=False):
        descent.step(batch, step / steps)
    embedding = Embedding(vocabulary, descent.term_vectors())
    return SemanticIndex.build(
        embedding,
        embedding.place_all(articles),
        np.array(material.sections, np.int32),
        embedding.place_all(fiche_terms(material)),
        embedding.place_all(pairs(stems) for stems, _ in material.questions),
    )


def article_terms(material: Material) -> list[Terms]:
    """Return each article's terms: its text, its titles, and the last three titles again."""
    return [
        pairs(text) + flat([pairs(title) for title in (*titles, *titles[-3:])])
        for text, titles in zip(material.texts, material.titles, strict=True)
    ]


def fiche_terms(material: Material) -> list[Terms]:
    """Return each fiche section's terms: its two titles, and its text as far as it is read."""
    return [
        pairs(fiche) + pairs(section) + pairs(text[:_FICHE_STEMS])
        for (fiche, section), text in zip(material.fiche_titles, material.fiche_texts, strict=True)
    ]


def _vocabulary(material: Material) -> tuple[Vocabulary, list[float]]:
    """Choose the terms worth a vector, with the idf of each."""
    articles = (
        pairs(text) + flat([pairs(title) for title in titles[-3:]])
        for text, titles in zip(material.texts, material.titles, strict=True)
    )
    questions = (pairs(stems) for stems, _ in material.questions)
    texts = 0
    found: Counter[str] = Counter()
    for terms in chain(articles, fiche_terms(material), questions):
        found.update(set(terms))
        texts += 1
    ranked = sorted(found, key=lambda term: (-found[term], term))
    stems = [t for t in ranked if "_" not in t and found[t] >= _FEWEST_STEMS][:_MOST_STEMS]
    paired = [t for t in ranked if "_" in t and found[t] >= _FEWEST_PAIRS]
    kept = stems + paired[: _MOST_TERMS - len(stems)]
    return (
        {term: place for place, term in enumerate(kept)},
        [math.log(texts / (found[term] + 1)) for term in kept],
    )


def _lesson(material: Material, articles: Sequence[Terms]) -> Lesson:
    lesson = Lesson(targets=list(articles))
    for add in (_titles, _halves, _fiches, _windows, _questions):
        add(material, lesson)
    return lesson


def _titles(material: Material, lesson: Lesson) -> None:
    for titles, text in zip(material.titles, material.texts, strict=True):
        if titles:
            left = flat([pairs(title) for title in titles[-2:]])
            lesson.pair_text(Kind.TITLE, left, pairs(text) + pairs(titles[-1]))


def _halves(material: Material, lesson: Lesson) -> None:
    for text in material.texts:
        if len(text) > _HALVED_STEMS:
            middle = len(text) // 2
            lesson.pair_text(Kind.HALVES, pairs(text[:middle]), pairs(text[middle:]))


def _fiches(material: Material, lesson: Lesson) -> None:
    for (fiche, section), text, cited in zip(
        material.fiche_titles, material.fiche_texts, material.cited, strict=True
    ):
        wide, near = pairs(fiche), pairs(section)
        if len(text) > 8:
            lesson.pair_text(Kind.FICHE, wide + near, pairs(text[:_FICHE_STEMS]))
        for article in cited:
            weight = 1 / math.sqrt(len(cited))
            lesson.pair(Kind.CITATION, wide + near, article, weight)
            lesson.pair(Kind.CITATION, wide, article, weight / 2)
            if near:
                lesson.pair(Kind.CITATION, near, article, weight / 2)


def _windows(material: Material, lesson: Lesson) -> None:
    for section in material.fiches:
        for found in REFERENCE.finditer(section.text):
            start = max(0, found.start() - _CHARS_BEFORE)
            around = section.text[start : found.end() + _CHARS_AFTER]
            for article in material.by_number.get(canonical(found.group()), ()):
                left = pairs(material.words(without_references(around)))
                lesson.pair(Kind.WINDOW, left, article)


def _questions(material: Material, lesson: Lesson) -> None:
    for stems, cited in material.questions:
        for article in cited:
            lesson.pair(Kind.QUESTION, pairs(stems), article, 1 / math.sqrt(len(cited)))
