"""What our own server wrote above the sender's fields: its trace fields (RFC 5321, 4.4).

A server adds its fields on top, so everything below what ours wrote is the sender's, whatever it
says. The border is the Received line in which our server took the mail from outside: all above it
is ours. Between it and the next Received line, or the first field of the letter itself, stand those
that filters of our server insert (Gmail and Postfix's milters do); a server that does so must
remove fields of its own name from what it receives (RFC 8601, 5).
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from mail_service.sender_checks.from_address import FromAddress, read_address
from mail_service.sender_checks.header_tokens import Token, tokens
from mail_service.sender_checks.raw_header import ONCE, HeaderField, MalformedHeader, RawHeader

Address = IPv4Address | IPv6Address
LITERAL = re.compile(r"\[(?:IPv6:)?([0-9A-Fa-f.:]{2,45})\]", re.IGNORECASE)
HOST = re.compile(r"[A-Za-z0-9_=.@-]*(?:unknown|localhost|\.[A-Za-z0-9_-]+)\.?", re.IGNORECASE)
"""What the client's address resolves to; never a keyword such as qmail's `HELO`."""
CLAUSES = {b"from", b"by"}
INSIDE = tuple(
    ip_network(block)
    for block in (
        "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
        "::1/128", "fc00::/7", "fe80::/10",
    )
)  # fmt: skip
"""Addresses of one host or one network (RFC 1918, 3927, 4193)."""
LETTER = ONCE | {"received", "return-path", "dkim-signature", "bcc", "list-id", "list-unsubscribe"}
"""Fields that end what our server's filters inserted below its Received line."""


@dataclass(frozen=True, slots=True)
class Hop:
    """A Received line: who wrote it, in lower case, and the client's address where it is told."""

    by: str
    client: Address | None
    has_from: bool
    is_local: bool
    """Whether the mail was handed over within one host or one network."""


@dataclass(frozen=True, slots=True)
class DeliveryPath:
    """How our server took the mail: its fields, the client, and the envelope's sender.

    `above` are certainly its own; `below` are where filters insert and a sender may write.
    """

    above: tuple[HeaderField, ...]
    below: tuple[HeaderField, ...]
    client: Address | None
    envelope_sender: FromAddress | None


def delivery_path(header: RawHeader, servers: Collection[str]) -> DeliveryPath | None:
    """Return what our server, by one of its names `servers` in lower case, wrote; else None.

    None when no Received line of it stands on top, local deliveries after it aside.
    """
    border, hop = _border(header.fields, servers)
    if hop is None:
        return None
    above, below = header.fields[:border], header.fields[border + 1 :]
    end = next((i for i, field in enumerate(below) if field.name in LETTER), len(below))
    return DeliveryPath(above, below[:end], hop.client, _envelope_sender(above))


def _border(fields: tuple[HeaderField, ...], servers: Collection[str]) -> tuple[int, Hop | None]:
    """Return where the mail came in from outside; lines above it tell of local deliveries only."""
    for index, field in enumerate(fields):
        if field.name != "received":
            continue
        hop = read_hop(field.unfolded)
        if hop is None:
            return 0, None
        if hop.by in servers and not (hop.client is not None and hop.client.is_loopback):
            return (index, hop) if hop.has_from else (0, None)  # else written on this host
        if hop.has_from and not hop.is_local:
            return 0, None
    return 0, None


def read_hop(value: bytes) -> Hop | None:
    """Read an unfolded Received value; None when it is not one plain `[from …] by …`.

    The HELO name and what the client's address resolves to are the sender's choice: only words and
    comments at their place are looked at, and a second `from` or `by` makes the line unreadable.
    """
    try:
        found = tokens(value, b";")
    except MalformedHeader:
        return None
    ends = [index for index, token in enumerate(found) if token.kind == "special"]
    if len(ends) > 1:
        return None
    found = found[: ends[0]] if ends else found
    words = [index for index, token in enumerate(found) if token.kind != "comment"]
    texts = [found[index].text.lower() for index in words]
    by = texts.index(b"by") if b"by" in texts else -1
    if any(texts.count(clause) > 1 for clause in CLAUSES) or len(texts) < by + 2:
        return None
    if by not in (0, 2) or (by == 2 and texts[0] != b"from"):
        return None
    name = texts[by + 1].decode("ascii", "replace").rstrip(".")
    client = _client(found[words[1] : words[2]]) if by == 2 else None
    return Hop(name, client, by == 2, _is_local(texts[by + 2 :], client))


def _is_local(rest: list[bytes], client: Address | None) -> bool:
    protocol = rest[rest.index(b"with") + 1 :][:1] if b"with" in rest else []
    by_lmtp = any(word.startswith(b"lmtp") for word in protocol)
    return by_lmtp or (client is not None and any(client in block for block in INSIDE))


def _client(found: list[Token]) -> Address | None:
    """Return the client's address from the tokens between `from` and `by`.

    It is told in `HELO (host [address])`, `HELO ([address])`, `HELO (address)` or, by qmail, in
    `host (HELO name) (address)`. A HELO name may hold parentheses and addresses of anybody's: a
    second comment with an address makes the line count for nothing.
    """
    name, *comments = [token.text.decode("ascii", "replace").split() for token in found]
    told = [words for words in comments if any(_address(word) for word in words)]
    if len(told) != 1:
        return None
    first, *more = told[0]
    if told[0] != comments[0]:
        greeted = len(comments) == 2 and [word.upper() for word in comments[0][:1]] == ["HELO"]
        usual = greeted and not more and not _address(" ".join(name))
        return _address(first) if usual else None
    if _address(first):
        return _address(first) if first.startswith("[") or not more else None
    return _address(more[0]) if HOST.fullmatch(first) and more[0].startswith("[") else None


def _address(word: str) -> Address | None:
    literal = LITERAL.fullmatch(word)
    try:
        return ip_address(literal[1] if literal else word)
    except ValueError:
        return None


def _envelope_sender(above: tuple[HeaderField, ...]) -> FromAddress | None:
    """Return the address our server wrote into Return-Path; None for `<>` or anything unusual."""
    paths = [field.unfolded.strip() for field in above if field.name == "return-path"]
    if len(paths) != 1 or paths[0][:1] != b"<" or paths[0][-1:] != b">":
        return None
    return read_address(paths[0][1:-1])
