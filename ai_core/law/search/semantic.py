"""A static embedding learned from the indexed sources: texts as points, near when they mean alike.

A text's point is the sum of its terms' vectors (stems and pairs of stems), brought to length 1.
It knows no word order beyond pairs, and no word outside its vocabulary. `training` learns it; a
question costs 0.1 ms to place and 1 ms to compare with the whole code.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ai_core.law.search.lexical import Scores
from ai_core.law.search.stems import pairs

FOLDER = "semantic.1"

Points = NDArray[np.float32]
Vocabulary = dict[str, int]


def bag(terms: Iterable[str], vocabulary: Vocabulary) -> dict[int, float]:
    """Count the known terms of one text, repeated ones less and less (1 + ln n)."""
    counts: dict[int, int] = {}
    for term in terms:
        place = vocabulary.get(term)
        if place is not None:
            counts[place] = counts.get(place, 0) + 1
    return {place: 1 + math.log(count) for place, count in counts.items()}


def bags(texts: Iterable[Iterable[str]], vocabulary: Vocabulary) -> sparse.csr_array:
    """Return a matrix, texts × vocabulary, of `bag` counts."""
    starts, places, counts = [0], list[int](), list[float]()
    for text in texts:
        counted = bag(text, vocabulary)
        places += counted.keys()
        counts += counted.values()
        starts.append(len(places))
    return sparse.csr_array(
        (np.array(counts, np.float32), np.array(places, np.int32), np.array(starts, np.int32)),
        shape=(len(starts) - 1, len(vocabulary)),
    )


def unit(points: Points) -> Points:
    """Bring each point to length 1; the origin stays."""
    lengths = np.linalg.norm(points, axis=-1, keepdims=True)
    return np.asarray(points / np.maximum(lengths, 1e-6), np.float32)


@dataclass(frozen=True, slots=True)
class Embedding:
    """A vector for each term of a vocabulary."""

    vocabulary: Vocabulary
    vectors: NDArray[np.float16] | Points

    def place(self, stems: Sequence[str]) -> Points:
        """Return the point of one text, given as stems."""
        counted = bag(pairs(list(stems)), self.vocabulary)
        terms = self.vectors[list(counted)].astype(np.float32)
        return unit(np.array(list(counted.values()), np.float32) @ terms)

    def place_all(self, texts: Iterable[Iterable[str]]) -> Points:
        """Return the points of many texts, given as terms (see `words.pairs`)."""
        counted = bags(texts, self.vocabulary)
        return unit(np.asarray(counted @ self.vectors.astype(np.float32), np.float32))


@dataclass(frozen=True, slots=True)
class Nearness:
    """How near a question is to everything: cosines, one per article, source or section."""

    articles: Scores
    sections: Scores
    fiches: Scores
    questions: Scores


@dataclass(frozen=True, slots=True)
class SemanticIndex:
    """The embedding and the points of all that can be found, read from the file as needed."""

    embedding: Embedding
    articles: Points
    sections: Points
    fiches: Points
    questions: Points

    @classmethod
    def build(
        cls,
        embedding: Embedding,
        articles: Points,
        section_of: NDArray[np.int32],
        fiches: Points,
        questions: Points,
    ) -> "SemanticIndex":
        """Build from points; a section's is the mean of its articles'."""
        sections = np.zeros((int(section_of.max()) + 1, articles.shape[1]), np.float32)
        np.add.at(sections, section_of, articles)
        return cls(embedding, articles, unit(sections), fiches, questions)

    @classmethod
    def open(cls, folder: Path) -> "SemanticIndex":
        """Open what `save` wrote."""
        terms = (folder / "terms.txt").read_text("utf-8").split("\n")
        arrays = {
            name: np.load(folder / f"{name}.npy", mmap_mode="r")
            for name in ("vectors", "articles", "sections", "fiches", "questions")
        }
        vocabulary = {term: place for place, term in enumerate(terms)}
        return cls(Embedding(vocabulary, arrays.pop("vectors")), **arrays)

    def save(self, folder: Path) -> None:
        """Write it into a folder; vectors in half precision."""
        (folder / "terms.txt").write_text("\n".join(self.embedding.vocabulary), "utf-8")
        np.save(folder / "vectors.npy", self.embedding.vectors.astype(np.float16))
        for name in ("articles", "sections", "fiches", "questions"):
            np.save(folder / f"{name}.npy", getattr(self, name))

    def nearness(self, stems: Sequence[str]) -> Nearness:
        """Compare a question with everything."""
        point = self.embedding.place(stems)
        return Nearness(
            self.articles @ point,
            self.sections @ point,
            self.fiches @ point,
            self.questions @ point,
        )
