"""Recognises languages that are not understood, so that nobody gets texts that are near by chance.

Words tell them, as `shared.frame_languages` tells those that are understood. Who writes one reads
in it that a question in French or English would be answered.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from shared.languages import Language, answer_language, plainly_ours

FILE = Path(__file__).parents[1] / "texts" / "unread_languages.toml"
_ASK_AGAIN = "ask_again"
_WORD = re.compile(r"[^\W\d_]+")
_LONGEST_READ = 1_000
_FEWEST = 3
"""Words that tell a language; fewer may stand in a text of any."""
_FEWEST_OF_KIN = 5
"""Where a text may be of a language that is understood: Italian is near Spanish."""
_DOT_ABOVE = "\u0307"


@dataclass(frozen=True, slots=True)
class _Unread:
    words: frozenset[str]
    says: str


_TEXTS = tomllib.loads(FILE.read_text(encoding="utf-8"))
_UNREAD = {
    name: _Unread(frozenset(table["words"].split()), table["says"])
    for name, table in _TEXTS.items()
    if name != _ASK_AGAIN
}


def unread_language_of(text: str) -> str | None:
    """Return which of the languages of our list a text is written in; None for any other."""
    words = _WORD.findall(text[:_LONGEST_READ].lower().replace(_DOT_ABOVE, ""))
    told = {name: sum(word in one.words for word in words) for name, one in _UNREAD.items()}
    best = max(told, key=lambda name: told[name])
    fewest = _FEWEST_OF_KIN if answer_language(text).frame else _FEWEST
    return best if told[best] >= fewest and told[best] > 2 * plainly_ours(text) else None


def ask_again(name: str, language: Language) -> str:
    """Return what the writer of a language reads: in it, then in a language of ours."""
    return f"{_UNREAD[name].says}\n\n{_TEXTS[_ASK_AGAIN][language]}"
