"""People on WhatsApp, the ids of what they write, and the text as their phone shows it.

A message's id holds the person's phone number, as the real one does: whoever logs or stores ids in
clear is found out. Numbers are of ranges that the regulator keeps for fiction (Arcep, decision
2018-0881: 06 39 98 …).
"""

import base64
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

BUSINESS_NUMBER = "33199001234"
PHONE_NUMBER_ID = "100200300400500"
ACCOUNT_ID = "500400300200100"


@dataclass(frozen=True)
class Contact:
    """A person: their number and their id for our business; `hidden`: the number is withheld.

    Business-scoped user ids (business-scoped-user-ids in the documentation) accompany the number
    since April 2026, and stand alone for who has taken a user name.
    """

    number: str
    name: str = "Camille"
    hidden: bool = False

    @property
    def user_id(self) -> str:
        """Return the business-scoped user id."""
        return f"FR.{int(self.number) * 7919 % 10**16}"


def contact(number: int) -> Contact:
    """Return a made-up person, the same for the same number below 10,000."""
    return Contact(f"3363998{number:04d}")


@dataclass
class MessageIds:
    """Makes ids of messages."""

    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def new(self, number: str) -> str:
        """Return a new id of a message from or to a phone number."""
        inside = b"\x1c\x18" + bytes([len(number)]) + number.encode() + b"\x15\x02\x00\x11\x18"
        return "wamid." + base64.b64encode(inside + b"%020X" % next(self._numbers)).decode()


_MONO = re.compile(r"```(.+?)```", re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_STYLES = [
    re.compile(rf"{mark}(?=\S)([^{mark}\n]*[^{mark}\s]){mark}") for mark in (r"\*", "_", "~")
]
_ADDRESS = re.compile(r"https?://\S+")


def shown(text: str) -> str:
    """Return a text as a phone shows it: without the marks that WhatsApp reads as formatting.

    Stricter than WhatsApp, which has no published grammar: a pair of marks on one line formats even
    inside a word, so that no text of ours depends on the difference. Addresses stay as they are.
    """
    kept: list[str] = []

    def keep(content: str) -> str:
        kept.append(content)
        return f"\x00{len(kept) - 1}\x00"

    text = _MONO.sub(lambda found: keep(found[1]), text)
    text = _CODE.sub(lambda found: keep(found[1]), text)
    text = _ADDRESS.sub(lambda found: keep(found[0]), text)
    before = ""
    while before != text:
        before = text
        for style in _STYLES:
            text = style.sub(r"\1", text)
    text = re.sub(r"(?m)^> ", "", text)
    return re.sub(r"\x00(\d+)\x00", lambda found: kept[int(found[1])], text)
