"""The header section of a mail as bytes, without interpretation (RFC 5322, 2.2).

Readers of mail disagree about broken headers, and forgeries live on that: one reader sees a From
field where another sees none. So a header that two readers may see differently is refused, never
repaired. Linear in the size.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

MAX_HEADER_BYTES = 512 * 1024
MAX_FIELDS = 2_000
END = re.compile(rb"\n\r?\n")
NAME = re.compile(rb"[\x21-\x39\x3b-\x7e]{1,200}")
ONCE = frozenset(
    {
        "from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "in-reply-to",
        "references", "mime-version", "content-type", "content-transfer-encoding",
    }
)  # fmt: skip
"""Fields a mail has at most once (RFC 5322, 3.6; RFC 2045)."""


class MalformedHeader(ValueError):
    """Readers may disagree about this header; the message says why, without its content."""

    def __init__(self, reason: str, *, forged: bool = False) -> None:
        super().__init__(reason)
        self.forged = forged
        """Whether only a forger writes this."""


@dataclass(frozen=True, slots=True)
class HeaderField:
    """A field: its name in lower case, the name as written, and the raw value with its folds.

    `value` is what follows the colon, its lines separated by CRLF, without the last line end.
    """

    name: str
    written_name: bytes
    value: bytes

    @property
    def unfolded(self) -> bytes:
        """Return the value on one line (RFC 5322, 2.2.3)."""
        return self.value.replace(b"\r\n", b"")


@dataclass(frozen=True, slots=True)
class RawHeader:
    """The fields of a mail, topmost first, and where its body begins."""

    fields: tuple[HeaderField, ...]
    body_at: int

    def all(self, name: str) -> tuple[HeaderField, ...]:
        """Return every field of that name (lower case), topmost first."""
        return tuple(field for field in self.fields if field.name == name)

    def refuse_repeated(self) -> None:
        """Raise MalformedHeader when a field stands twice that may not."""
        for name in ONCE:
            if len(self.all(name)) > 1:
                raise MalformedHeader(f"there are several {name} fields")


def read_header(raw: bytes) -> RawHeader:
    """Return the fields of `raw`; raises MalformedHeader."""
    end = END.search(raw, 0, MAX_HEADER_BYTES + 3)
    section, body_at = (raw[: end.start()], end.end()) if end else (raw, len(raw))
    if len(section) > MAX_HEADER_BYTES:
        raise MalformedHeader("the header is too large")
    if b"\0" in section:
        raise MalformedHeader("there is a NUL in the header", forged=True)
    section = section.removesuffix(b"\r").replace(b"\r\n", b"\n").removesuffix(b"\n")
    if b"\r" in section:
        raise MalformedHeader("there is a bare CR in the header", forged=True)
    return RawHeader(tuple(_fields(section.split(b"\n"))), body_at)


def _fields(lines: Iterable[bytes]) -> list[HeaderField]:
    found: list[tuple[bytes, list[bytes]]] = []
    for line in lines:
        if line[:1] in (b" ", b"\t"):
            if not found or not line.strip(b" \t"):
                raise MalformedHeader("a folded line of the header continues nothing or is empty")
            found[-1][1].append(line)
            continue
        name, colon, value = line.partition(b":")
        if not colon or NAME.fullmatch(name) is None:
            raise MalformedHeader("a line of the header is no field")
        found.append((name, [value]))
        if len(found) > MAX_FIELDS:
            raise MalformedHeader("the header has too many fields")
    return [
        HeaderField(name.decode("ascii").lower(), name, b"\r\n".join(values))
        for name, values in found
    ]
