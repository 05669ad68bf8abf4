"""A name server on loopback, and the people of the forgery tests: a victim and a forger.

The forger owns evil.example whole: its SPF lets everybody send, its DKIM key is his, and he may put
any name below it. The victim's domain refuses forgeries (p=reject).
"""

import base64
import socket
import threading
from functools import cache

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

VICTIM = "victime@victime.example"
HONEST_HOSTS = "ip4:192.0.2.7 ip6:2001:db8::7 a:relais.personne.example"
VICTIM_CLIENT, FORGER_CLIENT = "192.0.2.7", "203.0.113.66"


class NameServer:
    """Answers from `zone`, by name and type, over UDP until closed."""

    def __init__(self, zone: dict[tuple[str, str], str]) -> None:
        self._zone = zone
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
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
            record = self._zone.get((asked.name.to_text().lower(), kind))
            if record:
                reply.answer.append(dns.rrset.from_text(asked.name, 60, "IN", kind, record))
            self._socket.sendto(reply.to_wire(), peer)

    def close(self) -> None:
        self._socket.sendto(b"stop", ("127.0.0.1", self.port))
        self._thread.join(5)
        self._socket.close()


@cache
def signing_key(_owner: str) -> bytes:
    """Return a private key in PEM, the same for each owner within a run."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - a test
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def key_record(owner: str, extra: str = "") -> str:
    """Return the owner's DKIM record as a zone file writes it."""
    key = serialization.load_pem_private_key(signing_key(owner), None)
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return f'"v=DKIM1; k=rsa; {extra}p={base64.b64encode(public).decode()}"'


def zone() -> dict[tuple[str, str], str]:
    """Return the records of the victim, the forger and a few honest domains."""
    victim, evil, honest = (key_record(owner) for owner in ("victim", "evil", "honest"))
    return {
        ("victime.example.", "TXT"): '"v=spf1 ip4:192.0.2.7 -all"',
        ("_dmarc.victime.example.", "TXT"): '"v=DMARC1; p=reject"',
        ("s._domainkey.victime.example.", "TXT"): victim,
        ("essai._domainkey.victime.example.", "TXT"): key_record("evil", "t=y; "),
        ("strict.example.", "TXT"): '"v=spf1 ip4:192.0.2.7 -all"',
        ("_dmarc.strict.example.", "TXT"): '"v=DMARC1; p=reject; adkim=s; aspf=s"',
        ("s._domainkey.lettre.strict.example.", "TXT"): evil,
        ("lettre.strict.example.", "TXT"): '"v=spf1 +all"',
        ("evil.example.", "TXT"): '"v=spf1 +all"',
        ("s._domainkey.evil.example.", "TXT"): evil,
        ("s._domainkey.victime.example.evil.example.", "TXT"): evil,
        ("s._domainkey.example.", "TXT"): evil,
        ("victime.example.evil.example.", "TXT"): '"v=spf1 +all"',
        ("_dmarc.personne.example.", "TXT"): '"v=DMARC1; p=quarantine; sp=none"',
        ("personne.example.", "TXT"): f'"v=spf1 {HONEST_HOSTS} -all"',
        ("relais.personne.example.", "A"): "192.0.2.8",
        ("s._domainkey.personne.example.", "TXT"): honest,
        ("s._domainkey.lettre.personne.example.", "TXT"): honest,
        ("lettre.personne.example.", "TXT"): '"v=spf1 ip4:192.0.2.7 -all"',
        ("s._domainkey.xn--caf-dma.example.", "TXT"): honest,
    }
