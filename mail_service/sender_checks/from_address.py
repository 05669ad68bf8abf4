"""The one visible sender: exactly one From field with exactly one address (RFC 5322, 3.6.2).

Narrower than the RFC on purpose: groups, several addresses, quoted or non-ASCII local parts,
routes, comments inside the address, and encoded words in it (RFC 2047, 5, forbids them there) are
refused, because readers show or compare them differently.
"""

import re
import unicodedata
from dataclasses import dataclass

from mail_service.reading.encoded_words import decode_words
from mail_service.sender_checks.domain_names import a_labels
from mail_service.sender_checks.header_tokens import Token, tokens
from mail_service.sender_checks.raw_header import MalformedHeader, RawHeader

MAX_FROM_BYTES = 4_000
LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
SPECIALS = b"<>@,;:"


@dataclass(frozen=True, slots=True)
class FromAddress:
    """An address in lower case, its domain in A-labels."""

    local_part: str
    domain: str

    @property
    def address(self) -> str:
        """Return `local_part@domain`."""
        return f"{self.local_part}@{self.domain}"


def from_address(header: RawHeader) -> FromAddress:
    """Return the sender that the mail shows; raises MalformedHeader."""
    fields = header.all("from")
    if len(fields) != 1:
        raise MalformedHeader(
            "there is no From field" if not fields else "there are several From fields",
            forged=len(fields) > 1,
        )
    value = fields[0].unfolded
    if len(value) > MAX_FROM_BYTES:
        raise MalformedHeader("the From field is too large")
    display, address, comments = _split(tokens(value, SPECIALS))
    found = read_address(b"".join(token.text for token in address))
    if found is None:
        raise MalformedHeader("the From field holds no single plain address")
    for shown in (*_phrases(display), *(token.text for token in comments)):
        _refuse_other_address(shown, found)
    return found


def read_address(text: bytes) -> FromAddress | None:
    """Return a plain `local-part@domain`; None for anything else, quoted local parts included."""
    try:
        local_part, at, domain = text.decode("utf-8").partition("@")
    except UnicodeDecodeError:
        return None
    if not at or "=?" in local_part or len(local_part) > 64:
        return None
    host = a_labels(domain)
    if host is None or LOCAL_PART.fullmatch(local_part) is None:
        return None
    return FromAddress(local_part.lower(), host)


def comparable(address: str) -> str:
    """Return an address as `FromAddress.address` spells it; an empty string when it is none."""
    found = read_address(address.encode("utf-8", "replace"))
    return found.address if found else ""


def _split(found: list[Token]) -> tuple[list[Token], list[Token], list[Token]]:
    """Return the display name, the address and the comments after it, or raise MalformedHeader."""
    comments = _comments_at_end(found)
    rest = found[: len(found) - len(comments)]
    brackets = [
        i for i, token in enumerate(rest) if token.kind == "special" and token.text in b"<>"
    ]
    if not brackets:
        display, address, closed = [], rest, True
    else:
        display, address = rest[: brackets[0]], rest[brackets[0] + 1 : -1]
        closed = len(brackets) == 2 and brackets[1] == len(rest) - 1 and rest[-1].text == b">"
    one = closed and all(token.kind in ("word", "quoted") for token in display)
    if not one or not _is_plain(address, starts_spaced=not brackets):
        raise MalformedHeader("the From field holds more than one plain address")
    return display, address, comments


def _comments_at_end(found: list[Token]) -> list[Token]:
    comments: list[Token] = []
    for token in reversed(found):
        if token.kind != "comment" or not token.spaced:
            break
        comments.append(token)
    return comments


def _is_plain(address: list[Token], *, starts_spaced: bool) -> bool:
    """Return whether the tokens are `local @ domain` in one piece, without quotes or comments."""
    if [token.kind for token in address] != ["word", "special", "word"] or address[1].text != b"@":
        return False
    return not any(token.spaced for token in address[1 if starts_spaced else 0 :])


def _phrases(display: list[Token]) -> list[bytes]:
    """Return the display name's words as one text, and each quoted string by itself."""
    joined = b" ".join(token.text for token in display)
    return [joined, *(token.text for token in display if token.kind == "quoted")]


def _refuse_other_address(shown: bytes, sender: FromAddress) -> None:
    text = decode_words(shown.decode("utf-8", "surrogateescape"))
    text = unicodedata.normalize("NFKC", text)
    if any(unicodedata.category(char) == "Cc" for char in text):
        raise MalformedHeader("the name in the From field hides control characters")
    for word in re.split(r"[\s<>\"'(),;:\[\]]+", text):
        if "@" in word and comparable(word.strip(".")) != sender.address:
            raise MalformedHeader("the name in the From field shows another address")
