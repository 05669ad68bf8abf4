"""The records we ask for, and a DNS server on loopback that has them, or has them wrong."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.zone
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from deploy.host.dns_records import main, records
from deploy.host.dns_records import parse_arguments as read_options

ADDRESSES = ["--address", "ai-api=203.0.113.7", "--address", "telegram=203.0.113.8"]
ADDRESSES += ["--address", "mail=203.0.113.9", "--address", "mail=2001:db8::9"]


class NameServer:
    """Answers from a zone file, over UDP on loopback."""

    def __init__(self, zone_file: str) -> None:
        self.zone = dns.zone.from_text(zone_file, origin=".", relativize=False, check_origin=False)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._socket.sendto(b"", self._socket.getsockname())

    def _serve(self) -> None:
        while True:
            wire, sender = self._socket.recvfrom(4096)
            if not wire:
                self._socket.close()
                return
            self._socket.sendto(self._answer(dns.message.from_wire(wire)), sender)

    def _answer(self, query: dns.message.Message) -> bytes:
        reply = dns.message.make_response(query)
        question = query.question[0]
        if self.zone.get_node(question.name) is None:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        rdataset = self.zone.get_rdataset(question.name, question.rdtype)
        if rdataset is not None:
            found = dns.rrset.RRset(question.name, question.rdclass, question.rdtype)
            for rdata in rdataset:
                found.add(rdata, rdataset.ttl)
            reply.answer.append(found)
        return reply.to_wire(max_size=4096)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    file = tmp_path / "dkim.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return file


def zone_of(*words: str) -> str:
    return "\n".join(record.line for record in records(read_options(list(words)))) + "\n"


@pytest.fixture
def serve() -> Iterator[type[NameServer]]:
    opened: list[NameServer] = []

    class Opened(NameServer):
        def __init__(self, zone_file: str) -> None:
            super().__init__(zone_file)
            opened.append(self)

    yield Opened
    for server in opened:
        server.close()


def test_the_records_are_a_zone_file(capsys: pytest.CaptureFixture[str], key_file: Path) -> None:
    assert main([*ADDRESSES, "--dkim-key", str(key_file)]) == 0

    told = capsys.readouterr().out
    zone = dns.zone.from_text(told, origin=".", relativize=False, check_origin=False)
    assert zone.get_rdataset(dns.name.from_text("mail.cryptomaltese.com"), dns.rdatatype.AAAA)
    for line in (
        "ai-api.cryptomaltese.com.\t3600\tIN\tA\t203.0.113.7",
        'telegram.cryptomaltese.com.\t3600\tIN\tCAA\t0 issue "letsencrypt.org"',
        "cryptomaltese.com.\t3600\tIN\tMX\t10 mail.cryptomaltese.com.",
        'cryptomaltese.com.\t3600\tIN\tTXT\t"v=spf1 mx -all"',
    ):
        assert line in told.splitlines()
    assert '_dmarc.cryptomaltese.com.\t3600\tIN\tTXT\t"v=DMARC1; p=quarantine;' in told
    assert 'neo._domainkey.cryptomaltese.com.\t3600\tIN\tTXT\t"v=DKIM1; k=rsa; p=MII' in told


def test_a_young_key_is_written_as_its_rfc_says(tmp_path: Path) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "key.pem").write_bytes(pem)

    assert '"v=DKIM1; k=ed25519; p=' in zone_of("--dkim-key", str(tmp_path / "key.pem"))


def test_records_that_are_there_are_found(
    capsys: pytest.CaptureFixture[str], key_file: Path, serve: type[NameServer]
) -> None:
    words = [*ADDRESSES, "--dkim-key", str(key_file)]
    server = serve(zone_of(*words))

    assert main([*words, "--check", "--server", server.address]) == 0
    assert "WRONG" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("A\t203.0.113.7", "A\t203.0.113.70", "is 203.0.113.70"),
        ("10 mail.cryptomaltese.com.", "10 mx.elsewhere.example.", "is 10 mx.elsewhere.example."),
        ('"v=spf1 mx -all"', '"v=spf1 +all"', "is v=spf1 +all"),
        ('"v=spf1 mx -all"', '"google-site-verification=x"', "is another"),
        ('0 issue "letsencrypt.org"', '0 issue "other.example"', 'is 0 issue "other.example"'),
        ("_dmarc.", "_other.", "missing"),
    ],
)
def test_a_record_that_is_wrong_or_missing_is_named(
    capsys: pytest.CaptureFixture[str], serve: type[NameServer], before: str, after: str, told: str
) -> None:
    server = serve(zone_of(*ADDRESSES).replace(before, after))

    assert main([*ADDRESSES, "--check", "--server", server.address]) == 1
    said = capsys.readouterr().out
    assert "WRONG" in said
    assert told in said


def test_a_second_spf_record_voids_the_first(
    capsys: pytest.CaptureFixture[str], serve: type[NameServer]
) -> None:
    other = 'cryptomaltese.com.\t3600\tIN\tTXT\t"v=spf1 include:old.example ~all"\n'
    verification = 'cryptomaltese.com.\t3600\tIN\tTXT\t"some-verification=1"\n'
    server = serve(zone_of(*ADDRESSES) + other + verification)

    assert main([*ADDRESSES, "--check", "--server", server.address]) == 1
    assert "there are 2 of them" in capsys.readouterr().out


def test_a_dns_that_does_not_answer_is_reported(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.host.dns_records.TIMEOUT_S", 0.3)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        assert main([*ADDRESSES, "--check", "--server", address]) == 2
    assert "the DNS does not answer" in capsys.readouterr().err


def test_an_unreadable_key_and_an_unknown_host_are_reported(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["--dkim-key", str(tmp_path / "none")]) == 2
    assert "cannot be read" in capsys.readouterr().err
    assert main(["--address", "ftp=203.0.113.1"]) == 2
    assert "not ftp" in capsys.readouterr().err
