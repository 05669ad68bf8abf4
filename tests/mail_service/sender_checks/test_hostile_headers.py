"""Whatever bytes a sender writes: no pass comes out of them, nothing raises, time stays linear."""

import base64
import time

import dkim.canonicalization
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mail_service.sender_checks import dkim_signatures
from mail_service.sender_checks.authentication import authenticate_now
from mail_service.sender_checks.dkim_signatures import LinearRelaxed
from mail_service.settings import AuthenticationSettings
from tests.mail_service.mails import SERVER
from tests.mail_service.sender_checks.forged_letters import arrived, letter, received, signed
from tests.mail_service.sender_checks.senders_zone import VICTIM, VICTIM_CLIENT

CLAIM = f"Authentication-Results: {SERVER}; dmarc=pass header.from=victime.example\r\n"
FAIL = f"Authentication-Results: {SERVER}; dmarc=fail header.from=victime.example\r\n"
OWN = AuthenticationSettings(received_by=SERVER, dns=True)
ABOVE = AuthenticationSettings(server=SERVER, results_above_received=True, dns=True)
SETTINGS = {
    "a server that found a failure": (AuthenticationSettings(server=SERVER), FAIL),
    "the same, and our own checks": (AuthenticationSettings(server=SERVER, dns=True), FAIL),
    "a server that wrote nothing": (ABOVE, ""),
    "our own checks": (OWN, ""),
}
SMALL = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

PIECES = [
    CLAIM.encode(), FAIL.encode(), received("x", VICTIM_CLIENT).encode(), b"\r\n", b"\n", b"\r",
    b"\0", b" \r\n", b"\t", b" ", b";", b"(", b")", b'"', b"\\", b"<", b">", b",", b":", b"=", b"@",
    b"From: ", b"From", f"From: {VICTIM}\r\n".encode(), f"From: {VICTIM}".encode(),
    b"From: faussaire@evil.example\r\n", VICTIM.encode(), b"=?utf-8?q?", b"?=", b"\xc3\xa9",
    b"\xff",
    f"Return-Path: <{VICTIM}>\r\n".encode(), f"{SERVER}; ".encode(), b"dmarc=pass", b" by ",
    b" from ", b"[192.0.2.7]", b"header.from=victime.example",
    signed(letter()).split(b"\r\nFrom:")[0], b"DKIM-Signature: ", b"d=victime.example; ",
    b"Subject: x\r\n", b"To: questions@neo.example\r\n",
    b"Authentication-Results: ", b"Received: ", b"Content-Type: text/plain\r\n",
]  # fmt: skip
WORDS = st.one_of(st.sampled_from(PIECES), st.binary(max_size=6))
WRITTEN = st.lists(WORDS, max_size=25).map(b"".join)


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize(("chosen", "above"), SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("where", ["above", "below"])
@SMALL
@given(before=WRITTEN, after=WRITTEN, whole=st.booleans())
def test_no_bytes_below_our_servers_fields_make_a_pass(
    chosen: AuthenticationSettings,
    above: str,
    where: str,
    before: bytes,
    after: bytes,
    whole: bool,
) -> None:
    own = {where: above} if above else {}
    middle = letter() if whole else b""
    raw = arrived(before + middle + after, envelope=VICTIM, **own)
    assert not authenticate_now(raw, chosen).proves(VICTIM)


@pytest.mark.usefixtures("names")
@SMALL
@given(raw=st.one_of(WRITTEN, st.binary(max_size=400)))
def test_no_bytes_raise(raw: bytes) -> None:
    for chosen, _ in SETTINGS.values():
        assert not authenticate_now(raw, chosen).passed


@pytest.mark.usefixtures("names")
@SMALL
@given(tags=st.lists(WORDS, max_size=12).map(b"".join), own=st.booleans())
def test_no_signature_raises(tags: bytes, own: bool) -> None:
    start = b"v=1; a=rsa-sha256; d=victime.example; s=s; h=from:subject; bh=AAAA; " if own else b""
    value = tags.replace(b"\r", b"").replace(b"\n", b"")
    raw = arrived(b"DKIM-Signature: " + start + value + b"\r\n" + letter())
    assert not authenticate_now(raw, OWN).passed


KILOBYTES_400 = 400_000
LARGE = {
    "open parentheses": b"X: " + b"(" * KILOBYTES_400,
    "a folded field": b"X: a" + b"\r\n b" * (KILOBYTES_400 // 4),
    "many fields": b"X: a\r\n" * (KILOBYTES_400 // 6),
    "many results": CLAIM.encode() * 1_500,
    "a result of 15,000 statements": b"Authentication-Results: mx.neo.example; " + b"a=b;" * 15_000,
    "a result of 15,000 properties": b"Authentication-Results: mx.neo.example; a=b"
    + b" c=d" * 15_000,
    "a result of comments": b"Authentication-Results: mx.neo.example; a=b" + b" (c)" * 15_000,
    "a result of nested comments": b"Authentication-Results: mx.neo.example; a=b " + b"(" * 30_000
    + b")" * 30_000,
    "a result of spaces": b"Authentication-Results: mx.neo.example; a=b" + b" " * 60_000 + b"x",
    "a result of quotes": b"Authentication-Results: mx.neo.example; a=b" + b' c="\\""' * 8_000,
    "many Received lines": received("x", VICTIM_CLIENT, "localhost").encode() * 1_900,
    "a Received line of words": b"Received: from" + b" x" * 30_000,
    "a name of encoded words": b"From: " + b"=?utf-8?q?a?= " * 280 + b"<v@victime.example>",
    "a name of at signs": b"From: " + b"a@b.example " * 320,
    "a line without end": b"x" * KILOBYTES_400,
    "signatures of spaces": (b"DKIM-Signature: v=1; a=rsa-sha256; d=victime.example; s=s; "
    b"h=from:subject; bh=AAAA; b=A" + b" " * 3_900 + b"!\r\n") * 100,
    "signatures of folds": (b"DKIM-Signature: v=1; a=rsa-sha256; d=victime.example; s=s; "
    b"h=from:subject; bh=AAAA; b" + b"\r\n " * 1_300 + b"=A\r\n") * 100,
}  # fmt: skip


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize("field", LARGE.values(), ids=LARGE)
def test_a_large_header_costs_no_more_than_its_size(field: bytes) -> None:
    """What takes the square of 400,000 takes minutes."""
    raw = arrived(field + b"\r\n" + letter(), above=FAIL)
    began_s = time.thread_time()
    for chosen, _ in SETTINGS.values():
        assert not authenticate_now(raw, chosen).passed
    assert time.thread_time() - began_s < 5


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize("run", [b" ", b"\t", b" \r\n", b"\r\n", b"\r", b"a "])
def test_a_body_of_white_space_costs_no_more_than_its_size(run: bytes) -> None:
    body = run * (2_000_000 // len(run)) + b"x\r\n"
    for canonical in (b"simple", b"relaxed"):
        raw = signed(letter()[:-2] + body, "evil", canonicalize=(b"relaxed", canonical))
        began_s = time.thread_time()
        assert not authenticate_now(arrived(raw), OWN).passed
        assert time.thread_time() - began_s < 5


def test_a_key_or_a_list_of_signed_fields_costs_no_more_than_its_size() -> None:
    """A key of 16,384 bits and an exponent as long take 11 s to compute."""
    numbers = _der((1 << 16_383) + 1) + _der((1 << 16_382) - 1)
    key = b"\x30\x82" + len(numbers).to_bytes(2, "big") + numbers
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(key)
    fields = b"".join(b"x%d: y\r\n" % number for number in range(1_900))
    names = b":".join([b"from", b"subject", *(b"x%d" % number for number in range(500))])
    forger = letter("faussaire@evil.example")
    for raw in (signed(forger), signed(fields + forger, instead={b"h": names})):
        began_s = time.thread_time()
        found = authenticate_now(arrived(raw), OWN, lambda _name: (record,))
        assert not found.passed
        assert time.thread_time() - began_s < 3


def _der(number: int) -> bytes:
    """Return a DER INTEGER of 128 to 65,535 bytes."""
    data = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return b"\x02\x82" + len(data).to_bytes(2, "big") + data


@given(body=st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"\n", b"\r", b"a"])).map(b"".join))
def test_the_relaxed_body_is_the_one_dkimpy_computes(body: bytes) -> None:
    for piece_bytes in (1, 2, 3, 1_000):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(dkim_signatures, "PIECE_BYTES", piece_bytes)
            found = LinearRelaxed.canonicalize_body(body)
        assert found == dkim.canonicalization.Relaxed.canonicalize_body(body)
