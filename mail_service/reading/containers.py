"""Formats that wrap a whole mail: opaque S/MIME signatures and Outlook's winmail.dat.

Both are read where the mail is, in the sandbox: they are the sender's bytes.
"""

import struct
from dataclasses import dataclass

from asn1crypto import cms
from tnefparse import TNEF

from shared.privacy.charset import decode

SMIME_TYPES = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
TNEF_TYPES = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
MAX_TNEF_FILES = 20
UNREADABLE = (
    ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError, EOFError,
    RuntimeError, OSError, struct.error,
)  # fmt: skip
"""What tnefparse raises when it stumbles over a broken file: it checks little itself."""


@dataclass(frozen=True, slots=True)
class Wrapped:
    """What a winmail.dat holds: a text or an HTML body, and files by name."""

    plain: str = ""
    html: str = ""
    files: tuple[tuple[str, bytes], ...] = ()


def signed_content(data: bytes) -> bytes | None:
    """Return the mail inside an opaque signature (RFC 8551, signed-data); None when it is sealed.

    The signature is not verified: what it says is not used.
    """
    try:
        message = cms.ContentInfo.load(data)
        if message["content_type"].native != "signed_data":
            return None
        content = message["content"]["encap_content_info"]["content"].native
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return content if isinstance(content, bytes) else None


def is_tnef(content_type: str, name: str) -> bool:
    """Whether a part is Outlook's winmail.dat ([MS-OXTNEF])."""
    return content_type in TNEF_TYPES or name.lower() == "winmail.dat"


def read_tnef(data: bytes) -> Wrapped | None:
    """Return what a winmail.dat holds; None when it cannot be read."""
    try:
        found = TNEF(data, do_checksum=False)
        plain, html = found.body, found.htmlbody
        files = [(str(file.name or ""), bytes(file.data or b"")) for file in found.attachments]
    except UNREADABLE:
        return None
    return Wrapped(_text(plain), _text(html), tuple(files[:MAX_TNEF_FILES]))


def _text(body: str | bytes | None) -> str:
    return decode(body) if isinstance(body, bytes) else body or ""
