"""Reads parts whose MIME is broken as a person's client would show them.

The parser leaves a multipart that it cannot split as one text; here its boundary is taken from the
body, as the first line that starts with two dashes above a header field. Before parsing only words
behind a boundary that the mail declares are removed. Every repair reads the bytes of a part once,
so the depth of a mail bounds them. The parts of the header that say who wrote are never repaired.
"""

import binascii
import re
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32

MAX_BOUNDARIES = 5_000
MAX_DECLARED = 20
DECLARED = re.compile(
    rb"""boundary\s*=\s*(?:"([^"\r\n]{1,200})"|([^\s;"]{1,200}))""", re.IGNORECASE
)
DASHED = re.compile(rb"^--(\S[^\r\n]{0,400})(?=\r?$)", re.MULTILINE)
BOUNDARY = re.compile(
    rb"^--(?P<name>[^\r\n]{1,200}?)[ \t]*\r?\n(?:Content-[A-Za-z-]{1,40}[ \t]*:)",
    re.IGNORECASE | re.MULTILINE,
)
CLOSING_BOUNDARY = re.compile(rb"^--(?=\S[^\r\n]*\w)([^\r\n]{1,200}?)--[ \t]*\r?$", re.MULTILINE)
MIME_BODY = re.compile(
    rb"\s*(?:this is a multi-?part message[^\r\n]{0,80}\s+)?"
    rb"--[^\r\n]{1,200}\r?\ncontent-type[ \t]*:",
    re.IGNORECASE,
)
HTML_START = re.compile(rb"\s*(?:<!doctype html|<html[\s>])", re.IGNORECASE)
CHARSET = re.compile(r"""charset\s*=\s*["']?([\w.:-]{2,40})""", re.IGNORECASE)
COMMENT = re.compile(r"\([^()]*\)")
BASE64_LINE = re.compile(rb"[A-Za-z0-9+/]*={0,2}")
BASE64_CHUNK = re.compile(rb"[A-Za-z0-9+/]+=*")
NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=]+")
MOST_NOISE = 2
"""Foreign characters in a line of Base64 that was hurt; a line with more is somebody's footer."""


def within_boundaries(raw: bytes) -> bytes:
    """Return the mail up to a number of part boundaries no person's mail has."""
    at = -1
    for _ in range(MAX_BOUNDARIES):
        at = raw.find(b"\n--", at + 1)
        if at < 0:
            return raw
    return raw[:at]


def without_boundary_words(raw: bytes) -> bytes:
    """Return the mail without words behind its boundaries (RFC 2046 allows white space only)."""
    names = sorted(_declared(raw), key=len, reverse=True)
    marks = [b"\n--" + name + end for name in names for end in (b" ", b"\t", b"-- ", b"--\t")]
    if not any(mark in raw for mark in marks):
        return raw
    whole = {name + end for name in names for end in (b"", b"--")}
    starts = [name + end for name in names for end in (b"--", b"")]

    def straight(line: re.Match[bytes]) -> bytes:
        text = line[1].rstrip()
        found = (each for each in starts if text.startswith((each + b" ", each + b"\t")))
        name = None if text in whole else next(found, None)
        return line[0] if name is None else b"--" + name

    return DASHED.sub(straight, raw)


def _declared(raw: bytes) -> set[bytes]:
    """Return the boundaries that the mail declares."""
    lower, at, names = raw.lower(), -1, set()
    for _ in range(MAX_DECLARED):
        at = lower.find(b"boundary", at + 1)
        if at < 0:
            break
        found = DECLARED.match(raw, at)
        if found:
            names.add((found[1] or found[2]).rstrip())
    return names - {b""}


def content_type_of(part: Message) -> str:
    """Return the type of a part, also where parameters follow it without a semicolon."""
    declared = (part.get_content_type().split(maxsplit=1) or ["text/plain"])[0]
    if declared == "text/plain" and not _is_declared(part):
        return "text/html" if HTML_START.match(_payload(part)[:1000]) else declared
    return declared


def charset_of(part: Message) -> str | None:
    """Return the charset a part declares, also without a semicolon before it."""
    declared = part.get_param("charset")
    if declared:
        return str(declared)
    found = CHARSET.search(str(part.get("content-type", ""))[:1000])
    return found[1] if found else None


def split_again(part: Message) -> Message | None:
    """Return a part that the parser could not split, split; None when it needs no repair.

    A multipart without any boundary in its body is a text. So is one whose only boundary ends it.
    """
    kind = content_type_of(part)
    if part.is_multipart():
        return None
    body = _payload(part)
    if not kind.startswith("multipart/"):
        if _is_declared(part) or not MIME_BODY.match(body[:2000]):
            return None
        kind = "multipart/mixed"
    found = BOUNDARY.search(body) or CLOSING_BOUNDARY.search(body)
    if found is not None:
        name = re.sub(rb'(["\\])', rb"\\\1", found[1])
        split = _parsed(kind.encode("ascii", "replace") + b'; boundary="' + name + b'"', body)
        if split.is_multipart():
            return split
    return _parsed(b"text/html" if HTML_START.match(body[:1000]) else b"text/plain", body)


def content_of(part: Message) -> bytes:
    """Return the decoded content; a broken transfer encoding yields what could be read."""
    encoding = _transfer_encoding(part)
    if encoding == "base64":
        return _from_base64(_payload(part))
    if encoding == "quoted-printable":
        return binascii.a2b_qp(_payload(part))
    try:
        payload = part.get_payload(decode=True)
    except (ValueError, LookupError, AssertionError):
        del part["content-transfer-encoding"]
        payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _transfer_encoding(part: Message) -> str:
    """Return the encoding a field means: in any case, with spaces, comments, quotes or typos."""
    value = COMMENT.sub("", str(part.get("content-transfer-encoding", ""))[:200]).lower()
    letters = re.sub(r"[^a-z0-9]", "", value)
    if letters in {"qp", "q"} or letters.startswith("quoted"):
        return "quoted-printable"
    return "base64" if letters in {"b", "b64"} or letters.startswith("base64") else ""


def _from_base64(data: bytes) -> bytes:
    """Decode Base64 without the lines and characters that a way through other systems added.

    A text that is none in spite of what it declares is returned as it is.
    """
    try:
        return binascii.a2b_base64(b"".join(data.split()), strict_mode=True)
    except binascii.Error:
        pass
    lines = [line.strip() for line in data.split(b"\n") if line.strip()]
    kept = [line for line in map(_base64_line, lines) if line]
    if 2 * len(kept) < len(lines):
        return data
    return b"".join(map(_quads, BASE64_CHUNK.findall(b"".join(kept))))


def _quads(chunk: bytes) -> bytes:
    """Decode Base64 whose padding is missing; a single letter at its end holds no byte."""
    letters = chunk.rstrip(b"=")
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def _base64_line(line: bytes) -> bytes:
    if BASE64_LINE.fullmatch(line):
        return line
    clean = NOT_BASE64.sub(b"", line)
    return clean if len(line) - len(clean) <= MOST_NOISE and b" " not in line else b""


def _payload(part: Message) -> bytes:
    payload = part._payload  # type: ignore[attr-defined]
    return payload.encode("utf-8", "surrogateescape") if isinstance(payload, str) else b""


def _is_declared(part: Message) -> bool:
    return bool(str(part.get("content-type", "")).strip())


def _parsed(content_type: bytes, body: bytes) -> Message:
    head = b"Content-Type: " + content_type + b"\n\n"
    return BytesParser(policy=compat32).parsebytes(head + body)
