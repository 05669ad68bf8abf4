"""Who may be believed to be the sender."""

import base64

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from mail_service.errors import NameServerLost
from mail_service.sender_checks.authentication import (
    AuthenticationResult,
    authenticate,
    authenticate_now,
)
from mail_service.settings import AuthenticationSettings
from tests.mail_service.mails import SERVER, delivered, raw_mail
from tests.mail_service.sender_checks.forged_letters import arrived, letter

SETTINGS = AuthenticationSettings(server=SERVER)
OWN_CHECKS = AuthenticationSettings(server=SERVER, dns=True)


def verdict(*results: str) -> str:
    head = "".join(f"Authentication-Results: {value}\n" for value in results)
    return authenticate_now(head.encode() + delivered(raw_mail()), SETTINGS).outcome


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([f"{SERVER}; dmarc=pass header.from=personne.example"], "pass"),
        ([f"{SERVER} 1; spf=fail; dmarc=pass (p=reject) header.from=personne.example"], "pass"),
        ([f"{SERVER}; dmarc=fail"], "fail"),
        ([f"{SERVER}; spf=pass; dkim=pass"], "unknown"),
        ([f"{SERVER}; dmarc=none"], "unknown"),
        ([f"{SERVER}; dmarc=pass header.from=evil.example"], "fail"),
        (["evil.example; dmarc=pass"], "unknown"),
        ([f"evil.example; x={SERVER}; dmarc=pass"], "unknown"),
        ([f"{SERVER}; dmarc=fail", f"{SERVER}; dmarc=pass"], "fail"),
        ([f"(a comment; {SERVER}) evil.example; dmarc=pass"], "unknown"),
        ([], "unknown"),
    ],
)
def test_only_the_topmost_results_of_the_trusted_server_count(
    results: list[str], expected: str
) -> None:
    assert verdict(*results) == expected


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - a test


def signed(key: rsa.RSAPrivateKey, domain: str) -> bytes:
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    raw = raw_mail().replace(b"\n", b"\r\n")
    signature: bytes = dkim.sign(
        raw, b"s", domain.encode(), pem, include_headers=[b"from", b"subject"]
    )
    return signature + raw


def records(key: rsa.RSAPrivateKey, policy: str) -> dict[str, bytes]:
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
    return {
        "s._domainkey.personne.example": record,
        "s._domainkey.evil.example": record,
        "_dmarc.personne.example": f"v=DMARC1; p={policy}".encode(),
    }


async def checked(raw: bytes, zone: dict[str, bytes]) -> AuthenticationResult:
    return await authenticate(raw, OWN_CHECKS, lambda name: (zone[name],) if name in zone else ())


@pytest.mark.parametrize(
    ("domain", "policy", "alter", "expected"),
    [
        ("personne.example", "reject", False, "pass"),
        ("personne.example", "reject", True, "fail"),
        ("evil.example", "reject", False, "fail"),
        ("evil.example", "none", False, "unknown"),
    ],
)
async def test_our_own_check_asks_for_an_aligned_signature(
    key: rsa.RSAPrivateKey, domain: str, policy: str, alter: bool, expected: str
) -> None:
    raw = signed(key, domain)
    if alter:
        raw = raw.replace("préavis".encode(), b"salaire").replace(b"CDI", b"CDD")
    assert (await checked(raw, records(key, policy))).outcome == expected


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize(
    ("chosen", "outcome"),
    [
        (AuthenticationSettings(server=SERVER, results_above_received=True), "unknown"),
        (AuthenticationSettings(server=SERVER, results_above_received=True, dns=True), "fail"),
        (AuthenticationSettings(server=SERVER, dns=True), "fail"),
    ],
)
def test_results_below_the_received_line_do_not_stand_against_our_own_checks(
    chosen: AuthenticationSettings, outcome: str
) -> None:
    """A server that writes nothing and removes nothing: the sender's field follows its line."""
    claim = f"Authentication-Results: {SERVER}; dmarc=pass header.from=victime.example\r\n"
    assert authenticate_now(arrived(letter(before=claim)), chosen).outcome == outcome


async def test_a_name_server_that_does_not_answer_proves_nothing(key: rsa.RSAPrivateKey) -> None:
    def lost(_name: str) -> tuple[bytes, ...]:
        raise NameServerLost("Timeout")

    claim = f"Authentication-Results: {SERVER}; dmarc=pass header.from=personne.example\n"
    for raw in (signed(key, "personne.example"), delivered(claim.encode() + raw_mail())):
        result = await authenticate(raw, OWN_CHECKS, lost)
        assert result.outcome == "unknown"
        assert "name server" in result.reason
