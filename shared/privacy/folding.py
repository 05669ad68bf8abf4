"""Folds text for matching: one spelling for letters, digits, spaces and dashes that look alike.

Patterns are written once, for lower-case letters without accents, ASCII digits and plain spaces;
folding brings every other spelling to those and keeps, for each folded character, its place in the
text. Nothing folded is ever shown: what is masked is cut out of the text as its author typed it.
"""

import unicodedata
from dataclasses import dataclass

from shared.privacy.plain_text import is_invisible

_ALIKE = {
    "-": "‐‑‒–—―−﹘﹣－⁃",
    "'": "’‘ʼ′`´＇",
    '"': "“”«»„",
    "@": "＠﹫",
    ".": "．。·•∙・",
    ",": "，、",
    ":": "：",
    "/": "⁄∕／",
    "|": "¦｜",
    " ": "\r\f\v\t",
}
_LETTERS_WITHOUT_DECOMPOSITION = {"ø": "o", "đ": "d", "ł": "l", "ħ": "h", "ı": "i"}


def _folded(character: str) -> str | None:
    """Return the one character that patterns see, or None for a mark that is passed over."""
    if "\u0300" <= character <= "\u036f" or is_invisible(character):
        return None
    decimal = unicodedata.decimal(character, None)
    if decimal is not None:
        return str(decimal)
    if unicodedata.category(character) == "Zs":
        return " "
    lower = character.lower()
    if len(lower) != 1:
        lower = lower[0]
    letter = _LETTERS_WITHOUT_DECOMPOSITION.get(lower, lower)
    base = unicodedata.normalize("NFKD", letter)
    rest_is_marks = all(unicodedata.combining(mark) for mark in base[1:])
    return base[0] if rest_is_marks and base[0].isascii() and base[0].isprintable() else letter


class _Table(dict[int, int | None]):
    """A table for `str.translate`, filled as characters are met."""

    def __missing__(self, code: int) -> int | None:
        folded = _folded(chr(code))
        self[code] = None if folded is None else ord(folded)
        return self[code]


_TABLE = _Table(
    {ord(other): ord(one) for one, others in _ALIKE.items() for other in others}
    | {ord("º"): ord("°"), ord("²"): ord("²"), ord("³"): ord("³"), ord("¹"): ord("¹")}
)


@dataclass(frozen=True, slots=True)
class Folded:
    """Two views of a text, character by character alike, and where each character stands in it."""

    folded: str
    """Lower case, no accents, ASCII digits, spaces, dashes and quotes."""
    cased: str
    """As typed, without the marks that folding passes over."""
    places: list[int] | None
    """Place of each character in the text; None when nothing was passed over."""

    def place(self, index: int) -> int:
        """Return where in the text the character at `index` stands, its marks after it."""
        return index if self.places is None else self.places[index]


def fold(text: str) -> Folded:
    """Return the text folded. Takes time linear in its length."""
    folded = text.translate(_TABLE)
    if len(folded) == len(text):
        return Folded(folded, text, None)
    places = [place for place, character in enumerate(text) if _TABLE[ord(character)] is not None]
    cased = "".join(text[place] for place in places)
    return Folded(folded, cased, [*places, len(text)])
