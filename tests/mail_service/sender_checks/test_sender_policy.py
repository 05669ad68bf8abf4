"""SPF, asked of a real name server on loopback."""

import pytest

from mail_service.sender_checks.authentication import authenticate
from mail_service.sender_checks.delivery_path import DeliveryPath, delivery_path
from mail_service.sender_checks.raw_header import read_header
from mail_service.sender_checks.sender_policy import domain_sent_for
from mail_service.settings import AuthenticationSettings
from tests.mail_service.mails import SERVER, delivered, raw_mail


def path(raw: bytes) -> DeliveryPath | None:
    return delivery_path(read_header(raw), {SERVER})


def sent_for(raw: bytes) -> str | None:
    taken = path(raw)
    return domain_sent_for(taken) if taken else None


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize(
    ("client", "domain"),
    [
        ("192.0.2.7", "personne.example"),
        ("192.0.2.8", "personne.example"),
        ("192.0.2.9", None),
        ("IPv6:2001:db8::9", None),
    ],
)
def test_only_the_hosts_a_domain_names_may_speak_for_it(client: str, domain: str | None) -> None:
    assert sent_for(delivered(raw_mail(), client=client)) == domain


@pytest.mark.usefixtures("names")
async def test_a_pass_for_another_domain_than_the_sender_s_says_nothing() -> None:
    raw = delivered(raw_mail(), client="192.0.2.9", envelope="robot@evil.example")
    assert sent_for(raw) == "evil.example"
    settings = AuthenticationSettings(received_by=SERVER, dns=True)
    assert not (await authenticate(raw, settings)).passed


@pytest.mark.usefixtures("names")
def test_a_received_line_of_the_sender_is_not_trusted() -> None:
    forged = b"Received: from a (a [192.0.2.7]) by mx.neo.example with SMTP; Fri, 20 Nov 2026\n"
    raw = delivered(forged + raw_mail(), client="192.0.2.9")
    taken = path(raw)
    assert taken is not None
    assert str(taken.client) == "192.0.2.9"
    assert sent_for(raw) is None


@pytest.mark.usefixtures("names")
def test_a_return_path_of_the_sender_is_not_the_envelope() -> None:
    taken = delivered(raw_mail(), client="192.0.2.7").partition(b"\n")[2]
    assert sent_for(b"Return-Path: <camille@personne.example>\n" + taken) == "personne.example"
    assert sent_for(taken.replace(b"From:", b"Return-Path: <c@personne.example>\nFrom:")) is None


def test_a_mail_our_server_did_not_take_has_no_path() -> None:
    assert path(delivered(raw_mail(), by="mx.elsewhere.example")) is None


def test_a_greeting_that_looks_like_an_address_is_not_the_address() -> None:
    raw = b"Received: from [192.0.2.7] (unknown [IPv6:2001:db8::9]) by mx.neo.example; x\n"
    taken = path(raw + raw_mail())
    assert taken is not None
    assert str(taken.client) == "2001:db8::9"


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize(
    ("client", "server", "verdict"),
    [("192.0.2.7", SERVER, "pass"), ("192.0.2.9", SERVER, "fail"), ("192.0.2.7", "", "fail")],
)
async def test_an_aligned_pass_authenticates_an_unsigned_mail(
    client: str, server: str, verdict: str
) -> None:
    settings = AuthenticationSettings(received_by=server, dns=True)
    result = await authenticate(delivered(raw_mail(), client=client), settings)
    assert result.outcome == verdict
