"""SPF, asked of a real name server on loopback."""

import socket
import threading
from collections.abc import Iterator

import dns.flags
import dns.message
import dns.resolver
import dns.rrset
import pytest

from mail_service.reading.message import read_mail
from mail_service.sender_checks.authentication import verify_sender
from mail_service.sender_checks.sender_policy import client_of, sender_policy_passes
from tests.mail_service.mails import raw_mail

MX = "mx.neo.example"
ZONE = {
    ("personne.example.", "TXT"): '"v=spf1 ip4:192.0.2.7 a:relais.personne.example -all"',
    ("relais.personne.example.", "A"): "192.0.2.8",
    ("evil.example.", "TXT"): '"v=spf1 +all"',
    ("_dmarc.personne.example.", "TXT"): '"v=DMARC1; p=reject"',
}


class NameServer:
    """Answers from ZONE over UDP until closed."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            data, peer = self._socket.recvfrom(4_096)
            if data == b"stop":
                return
            query = dns.message.from_wire(data)
            asked = query.question[0]
            kind = dns.rdatatype.to_text(asked.rdtype)
            reply = dns.message.make_response(query)
            reply.flags |= dns.flags.RA
            record = ZONE.get((asked.name.to_text().lower(), kind))
            if record:
                reply.answer.append(dns.rrset.from_text(asked.name, 60, "IN", kind, record))
            self._socket.sendto(reply.to_wire(), peer)

    def close(self) -> None:
        self._socket.sendto(b"stop", ("127.0.0.1", self.port))
        self._thread.join(5)
        self._socket.close()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    server = NameServer()
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], server.port
    monkeypatch.setattr(dns.resolver, "default_resolver", resolver)
    yield
    server.close()


def arrived(
    address: str, *, by: str = MX, envelope: str = "camille@personne.example", below: str = ""
) -> bytes:
    """Return a letter as our server wrote it down."""
    return (
        f"Return-Path: <{envelope}>\n"
        f"Received: from relais.personne.example (unknown [{address}])\n"
        f"\tby {by} (Postfix) with ESMTPS id 4F; Fri, 20 Nov 2026 09:00:01 +0000\n{below}"
    ).encode() + raw_mail()


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize(
    ("address", "passes"), [("192.0.2.7", True), ("192.0.2.8", True), ("192.0.2.9", False)]
)
def test_only_the_hosts_a_domain_names_may_speak_for_it(address: str, passes: bool) -> None:
    assert sender_policy_passes(read_mail(arrived(address)), MX) is passes


@pytest.mark.usefixtures("names")
def test_a_pass_for_another_domain_than_the_sender_s_says_nothing() -> None:
    mail = read_mail(arrived("192.0.2.9", envelope="robot@evil.example"))
    assert not sender_policy_passes(mail, MX)


@pytest.mark.usefixtures("names")
def test_a_received_line_of_the_sender_is_not_trusted() -> None:
    forged = "Received: from a (a [192.0.2.7]) by mx.neo.example with SMTP; Fri, 20 Nov 2026\n"
    mail = read_mail(arrived("192.0.2.9", below=forged))
    client = client_of(mail, MX)
    assert client is not None
    assert client.address == "192.0.2.9"
    assert not sender_policy_passes(mail, MX)


def test_a_mail_our_server_did_not_take_has_no_client() -> None:
    assert client_of(read_mail(arrived("192.0.2.7", by="mx.elsewhere.example")), MX) is None


def test_a_greeting_that_looks_like_an_address_is_not_the_address() -> None:
    raw = b"Received: from [192.0.2.7] (unknown [IPv6:2001:db8::9]) by mx.neo.example; x\n"
    client = client_of(read_mail(raw + raw_mail()), MX)
    assert client is not None
    assert client.address == "2001:db8::9"


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize(
    ("address", "server", "verdict"),
    [("192.0.2.7", MX, "pass"), ("192.0.2.9", MX, "fail"), ("192.0.2.7", "", "fail")],
)
async def test_an_aligned_pass_authenticates_an_unsigned_mail(
    address: str, server: str, verdict: str
) -> None:
    raw = arrived(address)
    assert await verify_sender(read_mail(raw), raw, server) == verdict
