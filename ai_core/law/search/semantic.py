"""Semantic index: a static embedding trained on the indexed sources themselves.

A text's vector is the sum of its terms' vectors (stems and pairs of stems), normalized to length 1.
There is no word order beyond bigrams, and no word outside the vocabulary. `training` trains it; a
question costs 0.1 ms to embed and 1 ms to compare with the whole code.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ai_core.law.search.lexical import Scores
from ai_core.law.search.stems import with_bigrams

FOLDER = "semantic.1"

Vectors = NDArray[np.float32]
Vocabulary = dict[str, int]


def bag(terms: Iterable[str], vocabulary: Vocabulary) -> dict[int, float]:
    """Count the known terms of one text, with sublinear frequency (1 + ln n)."""
    counts: dict[int, int] = {}
    for term in terms:
        position = vocabulary.get(term)
        if position is not None:
            counts[position] = counts.get(position, 0) + 1
    return {position: 1 + math.log(count) for position, count in counts.items()}


def bags(texts: Iterable[Iterable[str]], vocabulary: Vocabulary) -> sparse.csr_array:
    """Return a matrix, texts × vocabulary, of `bag` counts."""
    starts, positions, counts = [0], list[int](), list[float]()
    for text in texts:
        counted = bag(text, vocabulary)
        positions += counted.keys()
        counts += counted.values()
        starts.append(len(positions))
    return sparse.csr_array(
        (np.array(counts, np.float32), np.array(positions, np.int32), np.array(starts, np.int32)),
        shape=(len(starts) - 1, len(vocabulary)),
    )


def unit(vectors: Vectors) -> Vectors:
    """Normalise each vector to length 1; zero vectors are unchanged."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-6), np.float32)


@dataclass(frozen=True, slots=True)
class TermEmbedding:
    """A vector for each term of a vocabulary."""

    vocabulary: Vocabulary
    vectors: NDArray[np.float16] | Vectors

    def embed(self, stems: Sequence[str]) -> Vectors:
        """Return the vector of one text, given as stems."""
        counted = bag(with_bigrams(list(stems)), self.vocabulary)
        terms = self.vectors[list(counted)].astype(np.float32)
        return unit(np.array(list(counted.values()), np.float32) @ terms)

    def embed_all(self, texts: Iterable[Iterable[str]]) -> Vectors:
        """Return the vectors of many texts, given as terms (see `stems.with_bigrams`)."""
        counted = bags(texts, self.vocabulary)
        return unit(np.asarray(counted @ self.vectors.astype(np.float32), np.float32))


@dataclass(frozen=True, slots=True)
class Similarities:
    """Cosines of a question: one per article, section, fiche section, everyday question."""

    articles: Scores
    sections: Scores
    fiches: Scores
    questions: Scores


@dataclass(frozen=True, slots=True)
class SemanticIndex:
    """The embedding and the vectors of everything searchable, memory-mapped."""

    embedding: TermEmbedding
    articles: Vectors
    sections: Vectors
    fiches: Vectors
    questions: Vectors

    @classmethod
    def build(
        cls,
        embedding: TermEmbedding,
        articles: Vectors,
        section_of: NDArray[np.int32],
        fiches: Vectors,
        questions: Vectors,
    ) -> "SemanticIndex":
        """Build from vectors; a section's is the mean of its articles'."""
        sections = np.zeros((int(section_of.max()) + 1, articles.shape[1]), np.float32)
        np.add.at(sections, section_of, articles)
        return cls(embedding, articles, unit(sections), fiches, questions)

    @classmethod
    def open(cls, folder: Path) -> "SemanticIndex":
        """Open a folder that `save` wrote."""
        terms = (folder / "terms.txt").read_text("utf-8").split("\n")
        arrays = {
            name: np.load(folder / f"{name}.npy", mmap_mode="r")
            for name in ("vectors", "articles", "sections", "fiches", "questions")
        }
        vocabulary = {term: position for position, term in enumerate(terms)}
        return cls(TermEmbedding(vocabulary, arrays.pop("vectors")), **arrays)

    def save(self, folder: Path) -> None:
        """Write it into a folder; vectors in half precision."""
        (folder / "terms.txt").write_text("\n".join(self.embedding.vocabulary), "utf-8")
        np.save(folder / "vectors.npy", self.embedding.vectors.astype(np.float16))
        for name in ("articles", "sections", "fiches", "questions"):
            np.save(folder / f"{name}.npy", getattr(self, name))

    def similarities(self, stems: Sequence[str]) -> Similarities:
        """Return the cosines of a question with every vector."""
        vector = self.embedding.embed(stems)
        return Similarities(
            self.articles @ vector,
            self.sections @ vector,
            self.fiches @ vector,
            self.questions @ vector,
        )
