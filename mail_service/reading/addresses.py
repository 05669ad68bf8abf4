"""The addresses in a mail's header fields."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import getaddresses

import idna

from mail_service.reading.encoded_words import decode_words
from shared.privacy.charset import decode

MAX_ADDRESSES = 200
MAX_FIELD_CHARACTERS = 20_000
MAX_LOCAL_PART_BYTES = 64
ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~\x80-\U0010FFFF-]{1,64}"
    r"@(?:[A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{1,63}"
)
"""What we ever write to: RFC 5321 without quoted local parts, so without spaces, CR or LF; in a
local part letters, marks and digits of every script too (RFC 6531)."""


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox and the name its owner shows; `address` is lower case and may be malformed."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        """Return what follows the last `@`."""
        return self.address.rpartition("@")[2]

    @property
    def local_part(self) -> str:
        """Return what precedes the last `@`, or all of it."""
        return self.address.rpartition("@")[0] or self.address

    @property
    def can_be_written_to(self) -> bool:
        """Return whether we accept this address in an envelope."""
        local = self.local_part
        return (
            ADDRESS.fullmatch(self.address) is not None
            and len(local.encode("utf-8", "replace")) <= MAX_LOCAL_PART_BYTES
            and unicodedata.is_normalized("NFC", local)
            and all(char.isascii() or unicodedata.category(char)[0] in "LMN" for char in local)
        )


def read_addresses(fields: Iterable[tuple[str, object]], *names: str) -> tuple[Address, ...]:
    """Return the addresses in the raw fields of these names (lower case).

    They are split before their encoded names are decoded.
    """
    raw = [
        " ".join(str(value)[:MAX_FIELD_CHARACTERS].split())
        for name, value in fields
        if str(name).lower() in names
    ]
    try:
        pairs = getaddresses([decode(value.encode("utf-8", "surrogateescape")) for value in raw])
    except RecursionError:  # comments in comments in comments
        pairs = [("", address) for value in raw for address in ADDRESS.findall(value)]
    return tuple(
        Address(decode_words(name)[:200], ascii_domain(decode_words(address)[:320].strip().lower()))
        for name, address in pairs[:MAX_ADDRESSES]
        if address.strip()
    )


def ascii_domain(address: str) -> str:
    """Return an address with its domain as the DNS writes it (IDNA 2008, UTS 46)."""
    local, mark, domain = address.rpartition("@")
    if domain.isascii():
        return address
    try:
        return f"{local}{mark}{idna.encode(domain, uts46=True).decode()}"
    except (idna.IDNAError, UnicodeError):
        return address
