"""Recognises danger to life in what somebody writes, in nine languages, and says who to call.

Whoever writes of suicide or of violence gets the help lines first, whatever they ask, whatever
their quota, and whether or not the rest can be answered. The signs are words: a cry for help that
uses none of them is missed, and a legal question about a suicide gets the help lines too, which
harms nobody. Signs and sentences are in `texts/distress.toml`.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from shared.privacy.folding import fold

FILE = Path(__file__).parent / "texts" / "distress.toml"
MAX_CHARACTERS = 2_000
"""Read of a text's beginning, and as many of its end: whoever is in danger writes less."""


@dataclass(frozen=True, slots=True)
class HelpLines:
    """Who to call, in one sentence for the person (`sentence`), and the service to name first."""

    sentence: str
    language: str
    name: str
    url: str


@dataclass(frozen=True, slots=True)
class _Sign:
    """What tells of one danger in one language."""

    pattern: re.Pattern[str]
    lines: HelpLines


def _read_dangers() -> tuple[tuple[_Sign, ...], ...]:
    """Return the signs of each danger, the greatest first."""
    return tuple(
        tuple(
            _Sign(
                re.compile("|".join(f"(?:{mark})" for mark in words["marks"])),
                HelpLines(words["say"], language, entry["name"], entry["url"]),
            )
            for language, words in entry.items()
            if isinstance(words, dict)
        )
        for entry in tomllib.loads(FILE.read_text(encoding="utf-8")).values()
    )


_DANGERS = _read_dangers()
_SENTENCES = frozenset(sign.lines.sentence.strip() for signs in _DANGERS for sign in signs)


def help_lines(text: str, language: str) -> HelpLines | None:
    """Return the help lines for the greatest danger a text tells of; None for none.

    They are in the language of the sign. One that languages share ("suicide") is answered in
    `language`, if it is one of them.
    """
    folded = fold(_ends_of(text)).folded
    for signs in _DANGERS:
        found = [sign.lines for sign in signs if sign.pattern.search(folded)]
        if found:
            return next((lines for lines in found if lines.language == language), found[0])
    return None


def _ends_of(text: str) -> str:
    if len(text) <= 2 * MAX_CHARACTERS:
        return text
    return f"{text[:MAX_CHARACTERS]}\n{text[-MAX_CHARACTERS:]}"


def is_help_lines(text: str) -> bool:
    """Whether a paragraph of an answer is the sentence that says who to call."""
    return text.strip() in _SENTENCES
