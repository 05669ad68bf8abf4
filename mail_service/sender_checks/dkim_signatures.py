"""DKIM (RFC 6376): which domains signed this mail, as the verifier that checked them says.

dkimpy verifies; it is given the very fields that were read here, so no second reader of the header
can see another signature. It alone would accept what this module refuses: a signature without From
or Subject among its fields, with a limit on the body (`l=`), by SHA-1 (RFC 8301), with a key in
test, or with a domain that is no host name.
"""

import re
from collections.abc import Callable, Iterator

import dkim
import dkim.canonicalization
from dkim.util import InvalidTagValueList, parse_tag_value

from mail_service.errors import NameServerLost
from mail_service.sender_checks.domain_names import a_labels
from mail_service.sender_checks.name_server import FindText
from mail_service.sender_checks.raw_header import HeaderField, RawHeader

MAX_SIGNATURES = 5
MAX_SIGNATURE_BYTES = 4_096
MAX_SELECTOR_BYTES = 200
MAX_SIGNED_FIELDS = 100
MAX_KEY_BYTES = 1_024
"""A record with an RSA key of 4,096 bits, the most that RFC 8301 asks for, has about 770 bytes; one
of 16,384 bits takes 11 s to compute, without letting another thread run."""
PIECE_BYTES = 256 * 1024
SELECTOR = re.compile(rb"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?")
SPACES = re.compile(rb"[ \t]+")
ALGORITHMS = {b"rsa-sha256", b"ed25519-sha256"}
MALFORMED = (
    dkim.DKIMException, ArithmeticError, AssertionError, LookupError, TypeError, ValueError,
)  # fmt: skip
"""What dkimpy raises for a malformed signature or key: it does not always use its own errors."""


class LinearRelaxed(dkim.canonicalization.Relaxed):  # type: ignore[misc]
    """The relaxed canonicalization (RFC 6376, 3.4.4) in linear time and in small steps.

    dkimpy's takes the square of the longest run of spaces, 4 s for 40,000, without letting another
    thread run.
    """

    @staticmethod
    def canonicalize_body(body: bytes) -> bytes:
        """Return the body with runs of white space as one space, none at the ends of lines."""
        compressed = b"".join(_compressed(body))
        lines = dkim.canonicalization.strip_trailing_lines(compressed.replace(b" \r\n", b"\r\n"))
        canonical: bytes = dkim.canonicalization.correct_empty_body(lines)
        return canonical


dkim.canonicalization.ALGORITHMS[b"relaxed"] = LinearRelaxed


def signing_domains(
    header: RawHeader, body: bytes, find_text: FindText, wanted: Callable[[str], bool]
) -> Iterator[str]:
    """Yield the domain of each valid signature that is `wanted`, in A-labels, the topmost first.

    Raises NameServerLost when a key cannot be asked for. Blocks: call it in a thread.
    """
    fields = [(each.written_name, each.value + b"\r\n") for each in header.fields]
    lines = body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    for index, field in enumerate(header.all("dkim-signature")[:MAX_SIGNATURES]):
        domain = _acceptable(field, header)
        if domain is None or not wanted(domain):
            continue
        verifier = dkim.DKIM()
        verifier.headers, verifier.body = fields, lines
        if _is_valid(verifier, index, find_text) and verifier.domain.lower() == domain.encode():
            yield domain


def _acceptable(field: HeaderField, header: RawHeader) -> str | None:
    """Return the domain of a signature that would prove the sender if it is valid, or None."""
    if len(field.value) > MAX_SIGNATURE_BYTES:
        return None
    try:
        tags = parse_tag_value(field.value)
    except InvalidTagValueList:
        return None
    signed = [name.strip().lower() for name in tags.get(b"h", b"").split(b":")]
    needed = {b"from"} | ({b"subject"} if header.all("subject") else set())
    selector = tags.get(b"s", b"")
    usable = (
        needed <= set(signed)
        and len(signed) <= MAX_SIGNED_FIELDS
        and b"l" not in tags
        and tags.get(b"a") in ALGORITHMS
        and len(selector) <= MAX_SELECTOR_BYTES
        and SELECTOR.fullmatch(selector) is not None
    )
    domain = tags.get(b"d", b"")
    return a_labels(domain.decode()) if usable and domain.isascii() else None


def _is_valid(verifier: dkim.DKIM, index: int, find_text: FindText) -> bool:
    def key(name: bytes, timeout: float = 0) -> bytes | None:
        records = find_text(name.decode("ascii").rstrip("."))
        usable = len(records) == 1 and len(records[0]) <= MAX_KEY_BYTES
        return records[0] if usable and not _in_test(records[0]) else None

    try:
        return bool(verifier.verify(idx=index, dnsfunc=key))
    except NameServerLost:
        raise
    except MALFORMED:
        return False


def _in_test(record: bytes) -> bool:
    """Return whether the key's owner only tries it: as if unsigned (RFC 6376, 3.6.1, `t=y`)."""
    try:
        flags = parse_tag_value(record).get(b"t", b"")
    except InvalidTagValueList:
        return True
    return b"y" in [flag.strip().lower() for flag in flags.split(b":")]


def _compressed(body: bytes) -> Iterator[bytes]:
    """Yield the body in pieces, each run of spaces and tabs as one space."""
    ends_in_space = False
    for at in range(0, len(body), PIECE_BYTES):
        piece = SPACES.sub(b" ", body[at : at + PIECE_BYTES])
        yield piece[1:] if ends_in_space and piece[:1] == b" " else piece
        ends_in_space = piece[-1:] == b" "
