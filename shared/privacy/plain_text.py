"""Removes invisible characters from text before anything else processes it.

Invisible characters carry hidden instructions ("ASCII smuggling", OWASP LLM01:2026) and split
telephone numbers so that masking misses them. Look-alike letters of other alphabets are not
covered: the text stays what its author typed. Marks stacked on a letter without end go too: putting
them in canonical order takes the square of their number.
"""

import re
import unicodedata

_INVISIBLE = re.compile(
    "["
    "\u00ad"  # soft hyphen
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction marks, embeddings and isolates
    "\u200b-\u200d"  # zero-width space and joiners
    "\u2060-\u2064"  # word joiner, invisible operators
    "\u206a-\u206f"  # deprecated format characters
    "\ufe00-\ufe0f\U000e0100-\U000e01ef"  # variation selectors
    "\ufeff"  # byte order mark
    "\U000e0000-\U000e007f"  # tags
    "]+"
)

MOST_MARKS = 30
"""In a row, as in Stream-Safe Text Format (UAX #15, section 13); no language stacks more."""

_VISIBLE = re.compile(
    "[\0-\u00ac\u00ae-\u02ff"  # ASCII, Latin, phonetic
    "\u2010-\u2027\u202f-\u205f"  # dashes, quotation marks, narrow spaces
    "\u20a0-\u20cf\u2100-\u27bf"  # currencies, arrows, mathematics, dingbats
    "\U0001f300-\U0001faff]*"  # emoji
)
"""What most texts are made of: nothing in it is invisible or stacked on a letter."""
_LAST_MARK = 0x1E94A
_MARK = "".join(
    f"\\U{code:08x}" for code in range(_LAST_MARK + 1) if unicodedata.combining(chr(code))
)
_STACKED = re.compile(f"([{_MARK}]{{{MOST_MARKS}}})[{_MARK}]+")


def without_invisible(text: str) -> str:
    """Return the text without invisible characters (Unicode 16, chapters 23.2-23.9).

    Spaces of every width, tabs and line ends stay. An emoji made of several pictures joined by
    U+200D falls apart into them. Of combining marks in a row, MOST_MARKS stay.
    """
    if text.isascii() or _VISIBLE.fullmatch(text):
        return text
    return _STACKED.sub(r"\1", _INVISIBLE.sub("", text))


def is_invisible(character: str) -> bool:
    """Whether `without_invisible` removes the character."""
    return _INVISIBLE.match(character) is not None
