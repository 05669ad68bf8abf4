"""Tokenizer and stemmer of French text, shared by every index.

Lower case, accents folded, elided articles and stop words dropped, Snowball stems (Porter's
algorithm for French). Spelling mistakes are repaired before (`spelling`).
"""

import re
import unicodedata
from importlib.resources import files
from itertools import pairwise

import Stemmer

_WORD = re.compile(r"[a-z0-9]+(?:-[0-9]+)*")
REFERENCE = re.compile(r"\b[LRD]\.?\s?\*?\s?\d{3,4}-\d+(?:-\d+)*")
"""An article's number as the fiches write it; `references` reads every other spelling."""

_ACCENT = re.compile("[\u0300-\u036f]")
_CACHED_STEMS = 50_000


def fold(text: str) -> str:
    """Lower `text` and strip its accents; œ becomes oe, a curly apostrophe a straight one."""
    plain = text.lower().replace("œ", "oe").replace("’", "'")
    return _ACCENT.sub("", unicodedata.normalize("NFKD", plain))


def without_references(text: str) -> str:
    """Blank out article numbers, which match an article's neighbours rather than its subject."""
    return REFERENCE.sub(" ", text)


def with_bigrams(stems: list[str]) -> list[str]:
    """Return the stems, then the bigrams (each two that follow one another)."""
    return stems + [f"{a}_{b}" for a, b in pairwise(stems)]


class FrenchStemmer:
    """Tokenizes French text into stems. Not thread-safe, as the stemmer is not."""

    def __init__(self) -> None:
        self._stemmer = Stemmer.Stemmer("french", 0)
        self._stems: dict[str, str] = {}
        listed = (files("ai_core.law") / "data" / "stop_words.txt").read_text("utf-8")
        self._stop_words = frozenset(fold(listed).split())

    def __call__(self, text: str) -> list[str]:
        """Return the stems of `text`, in order, repeated words included."""
        return [
            self._stem(word)
            for word in _WORD.findall(fold(text))
            if word not in self._stop_words and (len(word) > 1 or word.isdigit())
        ]

    def _stem(self, word: str) -> str:
        stem = self._stems.get(word)
        if stem is None:
            if len(self._stems) >= _CACHED_STEMS:
                self._stems.clear()
            stem = self._stems[word] = str(self._stemmer.stemWord(word))
        return stem
