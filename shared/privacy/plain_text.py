"""Removes invisible characters from text before anything else processes it.

Invisible characters carry hidden instructions ("ASCII smuggling", OWASP LLM01:2026) and split
telephone numbers so that masking misses them. Look-alike letters of other alphabets are not
covered: the text stays what its author typed.
"""

import re

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


def without_invisible(text: str) -> str:
    """Return the text without invisible characters (Unicode 16, chapters 23.2-23.9).

    Spaces of every width, tabs and line ends stay. An emoji made of several pictures joined by
    U+200D falls apart into them.
    """
    return _INVISIBLE.sub("", text)


def is_invisible(character: str) -> bool:
    """Whether `without_invisible` removes the character."""
    return _INVISIBLE.match(character) is not None
