"""Recognises messages that ask nothing: "ok", "merci", "👍".

Such a message is made of words of `texts/courtesies.toml` alone, in any order. Any other word, and
a question mark, makes it a question. Greetings are ai_core's.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from shared.languages import LANGUAGES, Language
from shared.privacy.folding import fold

FILE = Path(__file__).parent / "texts" / "courtesies.toml"
MOST_CHARACTERS = 60
_BETWEEN = re.compile(r"[\s.,;:!…~'\"’()\-\ufe0f\u200d\U0001f3fb-\U0001f3ff]+")
_WITHOUT_SPACES = ("th", "zh", "signs")

_Words = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Courtesy:
    """What was said, and in which language; None for signs and words that several share."""

    kind: Literal["thanks", "agreed"]
    language: Language | None


@dataclass(frozen=True, slots=True)
class _Patterns:
    whole: re.Pattern[str]
    thanks: re.Pattern[str]
    agreed: re.Pattern[str]
    by_language: dict[Language, re.Pattern[str]]


def _read_patterns() -> _Patterns:
    table: dict[str, _Words] = tomllib.loads(FILE.read_text(encoding="utf-8"))
    every = [_alternatives(words) for words in table.values()]
    return _Patterns(
        # Possessive: "嗯嗯嗯…" is made of 嗯 and 嗯嗯 in more ways than can be tried.
        whole=re.compile(rf"(?:(?>{'|'.join(every)}) ?)++"),
        thanks=re.compile(_alternatives(table["thanks"])),
        agreed=re.compile(_alternatives(table["agreed"])),
        by_language={
            language: re.compile(_alternatives({language: _own_words(table, language)}))
            for language in LANGUAGES
        },
    )


def _alternatives(words: _Words) -> str:
    """Return a pattern of any of these words, the longest first."""
    patterns = [
        re.escape(word) if language in _WITHOUT_SPACES else rf"\b{re.escape(word)}\b"
        for language, listed in words.items()
        for word in listed
    ]
    return "|".join(sorted(patterns, key=len, reverse=True))


def _own_words(table: dict[str, _Words], language: Language) -> list[str]:
    """Return the words that no other language has."""
    shared = {
        word
        for words in table.values()
        for other, listed in words.items()
        if other != language
        for word in listed
    }
    return [word for words in table.values() for word in words[language] if word not in shared]


_PATTERNS = _read_patterns()


def courtesy_of(text: str, most_characters: int = MOST_CHARACTERS) -> Courtesy | None:
    """Return what a message says that asks nothing; None for any other message."""
    if len(text) > most_characters:
        return None
    plain = _BETWEEN.sub(" ", fold(text).folded).strip()
    if not _PATTERNS.whole.fullmatch(plain):
        return None
    told = [one for one in LANGUAGES if _PATTERNS.by_language[one].search(plain)]
    language = told[0] if len(told) == 1 else None
    if _PATTERNS.thanks.search(plain):
        return Courtesy("thanks", language)
    return Courtesy("agreed", language) if _PATTERNS.agreed.search(plain) else None
