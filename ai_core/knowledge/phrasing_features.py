"""What a phrasing looks like to the classifier: its words and letters, beside its meaning.

Words and runs of three to five letters are hashed (Weinberger et al., 2009) into `WORD_DIMENSIONS`
signed dimensions, weighed by their rarity; Thai and Chinese, which part no words, by runs of one to
three letters. So misspelt words and bare keywords still resemble what they are meant for.
"""

import math
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from shared.privacy.folding import fold

WORD_DIMENSIONS = 768
BUCKETS = 1 << 18
LONGEST_CHARS = 1_000
"""Longer questions are read up to here."""

_WORDS = re.compile(r"[a-z0-9]+|[\u0600-\u06ff]+|[\u0e00-\u0e7f]+|[\u4e00-\u9fff]")
_LATIN = re.compile(r"[a-z0-9]")
_STEM_CHARS = 7
_SIGNS_PER_GRAM = 3

Vectors = NDArray[np.float32]


def grams(text: str) -> Counter[str]:
    """Count the words, pairs of words and runs of letters of a text."""
    return Counter(_grams(fold(text[:LONGEST_CHARS]).folded))


def content_words(text: str) -> frozenset[str]:
    """Return the words of a text as `grams` has them; of Thai and Chinese runs of 2 or 3."""
    return frozenset(
        gram
        for gram in grams(text)
        if (gram.startswith("w") and len(gram) > 2) or (len(gram) in (2, 3) and not gram.isascii())
    )


def _grams(folded: str) -> Iterator[str]:
    words = _WORDS.findall(folded)
    for word in words:
        if _LATIN.match(word):
            yield f"w{word[:_STEM_CHARS]}"
            yield from _runs(f"_{word}_", (3, 4, 5))
        else:
            yield from _runs(word, (1, 2, 3))
    for one, other in pairwise(words):
        yield f"b{one[:6]} {other[:6]}"


def _runs(word: str, lengths: Iterable[int]) -> Iterator[str]:
    for length in lengths:
        for start in range(len(word) - length + 1):
            yield word[start : start + length]


def rarity(texts: Sequence[Counter[str]]) -> Vectors:
    """Return the inverse document frequency of each bucket."""
    documents = np.zeros(BUCKETS, np.float32)
    for counted in texts:
        for at in {bucket(gram) for gram in counted}:
            documents[at] += 1
    return np.maximum(np.log((len(texts) + 1) / (documents + 0.5)), 0).astype(np.float32)


def hashed(counted: Counter[str], rare: Vectors) -> Vectors:
    """Return the vector of one text, of length 1; zero for a text without a word."""
    codes = np.fromiter((zlib.crc32(gram.encode()) for gram in counted), np.uint64, len(counted))
    often = np.fromiter((1 + math.log(count) for count in counted.values()), float, len(counted))
    weights = often * rare[codes % BUCKETS]
    signed = np.empty((len(counted), _SIGNS_PER_GRAM), np.float32)
    places = np.empty((len(counted), _SIGNS_PER_GRAM), np.intp)
    for at in range(_SIGNS_PER_GRAM):
        codes = (codes * np.uint64(1_103_515_245) + np.uint64(12_345)) & np.uint64(0xFFFF_FFFF)
        places[:, at] = (codes >> np.uint64(8)) % WORD_DIMENSIONS
        signed[:, at] = np.where(codes >> np.uint64(31), weights, -weights)
    vector = np.zeros(WORD_DIMENSIONS, np.float32)
    np.add.at(vector, places, signed)
    length = float(np.linalg.norm(vector))
    return vector / length if length else vector


def bucket(gram: str) -> int:
    """Return where the rarity of a gram is counted."""
    return zlib.crc32(gram.encode()) % BUCKETS
