"""The lexical tokens of structured header fields (RFC 5322, 3.2): words, quoted strings, comments.

One pass, linear in the length, comments nested to any depth without recursion. What does not close
is malformed: a value is never guessed.
"""

import re
from dataclasses import dataclass
from typing import Literal

from mail_service.sender_checks.raw_header import MalformedHeader

MAX_VALUE_BYTES = 64 * 1024
SPACE = re.compile(rb"[ \t]+")
CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
COMMENT_TEXT = re.compile(rb"[^()\\]+")
QUOTED_TEXT = re.compile(rb'[^"\\]+')

Kind = Literal["word", "quoted", "comment", "special"]


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a field; `spaced` tells whether white space stands before it."""

    kind: Kind
    text: bytes
    spaced: bool


def tokens(value: bytes, specials: bytes) -> list[Token]:
    """Return the tokens of an unfolded value; each byte of `specials` is a token of its own.

    A comment's text is without its outer parentheses, a quoted string's without its quotes, both
    without the backslashes of quoted pairs. Raises MalformedHeader.
    """
    if len(value) > MAX_VALUE_BYTES:
        raise MalformedHeader("a field is too large")
    if CONTROL.search(value):
        raise MalformedHeader("there is a control character in a field")
    word = re.compile(rb'[^ \t()"\\' + re.escape(specials) + rb"]+")
    found: list[Token] = []
    at, spaced = 0, False
    while at < len(value):
        space = SPACE.match(value, at)
        if space:
            at, spaced = space.end(), True
            continue
        kind, text, at = _next(value, at, word, specials)
        found.append(Token(kind, text, spaced))
        spaced = False
    return found


def _next(
    value: bytes, at: int, word: re.Pattern[bytes], specials: bytes
) -> tuple[Kind, bytes, int]:
    first = value[at : at + 1]
    if first == b"(":
        text, end = _comment(value, at + 1)
        return "comment", text, end
    if first == b'"':
        text, end = _quoted(value, at + 1)
        return "quoted", text, end
    if first in specials:
        return "special", first, at + 1
    found = word.match(value, at)
    if found is None:
        raise MalformedHeader("a parenthesis or a backslash stands alone in a field")
    return "word", found[0], found.end()


def _comment(value: bytes, at: int) -> tuple[bytes, int]:
    pieces: list[bytes] = []
    depth = 1
    while at < len(value):
        text = COMMENT_TEXT.match(value, at)
        if text:
            pieces.append(text[0])
            at = text.end()
            continue
        char = value[at : at + 1]
        if char == b"\\":
            pieces.append(value[at + 1 : at + 2])
            at += 2
            continue
        depth += 1 if char == b"(" else -1
        at += 1
        if depth == 0:
            return b"".join(pieces), at
        pieces.append(char)
    raise MalformedHeader("a comment in a field does not end")


def _quoted(value: bytes, at: int) -> tuple[bytes, int]:
    pieces: list[bytes] = []
    while at < len(value):
        text = QUOTED_TEXT.match(value, at)
        if text:
            pieces.append(text[0])
            at = text.end()
        elif value[at : at + 1] == b'"':
            return b"".join(pieces), at + 1
        else:
            pieces.append(value[at + 1 : at + 2])
            at += 2
    raise MalformedHeader("a quoted string in a field does not end")
