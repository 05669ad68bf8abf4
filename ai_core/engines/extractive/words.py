"""Words of a text as the extractive engine compares them: without accents, stemmed."""

import re
import unicodedata
from functools import lru_cache
from pathlib import Path

import Stemmer

_TEXTS_REMEMBERED = 4_096  # a few MiB; the same sentences answer many questions
_WORD = re.compile(r"[a-z0-9]+")
_STOP = frozenset(Path(__file__).with_name("stop_words.txt").read_text(encoding="utf-8").split())
_stemmer = Stemmer.Stemmer("french")


def fold(text: str) -> str:
    """Return `text` in lower case without accents; other non-ASCII characters are dropped."""
    plain = text.lower().replace("œ", "oe").replace("’", "'")
    return unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()


def stem_list(folded: str) -> list[str]:
    """Return the stems of the words of a folded text in their order, without stop words."""
    return list(_stemmer.stemWords([w for w in _WORD.findall(folded) if w not in _STOP]))


def stems_of(folded: str) -> frozenset[str]:
    """Return the stems of the words of a folded text, without stop words."""
    return frozenset(stem_list(folded))


@lru_cache(_TEXTS_REMEMBERED)
def stems(text: str) -> frozenset[str]:
    """Return the stems of the words, without stop words."""
    return stems_of(fold(text))
