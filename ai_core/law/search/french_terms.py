"""The French words of the law that a question in another language speaks of.

A question in one of eight other languages is compared with our everyday questions by its meaning
(`encoder`), and by these words with the law itself, as a French question is. They are no
translation: what the list does not hold is left out, and the order of words is lost. Marks of all
languages are tried together, for people mix them.
"""

import re
import tomllib
import unicodedata
from functools import lru_cache
from importlib.resources import files

from shared.frame_languages import FRAME_LANGUAGES
from shared.languages import LANGUAGES, AnswerLanguage, answer_language

_MARKS = re.compile("[\u0300-\u036f\u0610-\u061a\u064b-\u065f\u0640]")
_ALIKE = str.maketrans({"ى": "ي", "ة": "ه", "ئ": "ي", "ؤ": "و", "’": "'"})
_ALL = "all"
_LATIN_LANGUAGES = ("en", "pt", "es", "ro", "de")
_MOST_READ_CHARS = 2_000
_MOST_TERMS = 6
_TABLE: dict[str, dict[str, list[str]]] = tomllib.loads(
    (files("ai_core.law") / "data" / "foreign_terms.toml").read_text("utf-8")
)


def french_terms(text: str) -> str:
    """Return the law's French words for what a question in another language names; "" for none."""
    return " ".join(terms_named(text))


def terms_named(text: str) -> tuple[str, ...]:
    """Return the terms that a question in another language names, in its order, six at most."""
    read = normalised(text[:_MOST_READ_CHARS])
    told = answer_language(text)
    found: list[tuple[int, str]] = []
    for french, pattern in _terms(told.frame or told.language).items():
        if first := pattern.search(read):
            found.append((first.start(), french))
    return tuple(french for _, french in sorted(found)[:_MOST_TERMS])


def terms_in_french(text: str) -> str:
    """Return the French words of a question that is not in French; "" for one that is."""
    return "" if answer_language(text) == AnswerLanguage("fr") else french_terms(text)


def normalised(text: str) -> str:
    """Return a text in lower case without accents, the variants of an Arabic letter made one."""
    plain = unicodedata.normalize("NFKD", text.lower().translate(_ALIKE))
    return _MARKS.sub("", plain).translate(_ALIKE)


@lru_cache(maxsize=len(LANGUAGES) + len(FRAME_LANGUAGES))
def _terms(language: str) -> dict[str, re.Pattern[str]]:
    """Return a language's pattern for each French term: compiled once, in some 10 ms."""
    return {
        french: _pattern(language, marks[language], marks.get(_ALL, []))
        for french, marks in _TABLE.items()
        if language in marks
    }


def _pattern(language: str, marks: list[str], french: list[str]) -> re.Pattern[str]:
    edge = r"\b" if language in _LATIN_LANGUAGES else ""
    own = rf"{edge}(?:{'|'.join(normalised(mark) for mark in marks)})"
    borrowed = (rf"(?<![a-z])(?:{mark})" for mark in french)
    return re.compile("|".join([own, *borrowed]))
