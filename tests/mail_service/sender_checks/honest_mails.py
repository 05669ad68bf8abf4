"""Honest mails as mailboxes hold them, by what their senders and servers write."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

from mail_service.settings import AuthenticationSettings
from tests.mail_service.mails import SERVER
from tests.mail_service.sender_checks.forged_letters import letter, signed

HonestMail = tuple[str, AuthenticationSettings, str, bytes]
"""Which server, filter or sender, our settings, the sender's address, the mail."""
SENDER = "camille@personne.example"
HEADS = tomllib.loads(Path(__file__).with_name("honest_mails.toml").read_text())
RSPAMD = HEADS["Postfix, rspamd"]["head"]
ARRIVED, _, _ = RSPAMD.partition("Authentication-Results")
NAMES: dict[str, str | bytes] = {
    "a bare address": SENDER,
    "in brackets": f"<{SENDER}>",
    "a name": f"Camille Durand <{SENDER}>",
    "a quoted name with a comma": f'"Durand, Camille (RH)" <{SENDER}>',
    "a name with dots": f"Mme. C. Durand <{SENDER}>",
    "an encoded name": f"=?UTF-8?Q?C=C3=A9cile_Andr=C3=A9?= <{SENDER}>",
    "a folded, encoded name": f"=?utf-8?b?Q8OpY2lsZQ==?=\r\n =?utf-8?q?_Andr=C3=A9?= <{SENDER}>",
    "a name in UTF-8": f"Cécile André <{SENDER}>",
    "a name in Latin-1": f"Cécile André <{SENDER}>".encode("latin-1"),
    "the address as its name": f'"{SENDER}" <{SENDER}>',
    "a name after": f"{SENDER} (Camille Durand)",
    "capitals": "Camille <Camille@Personne.Example>",
    "a name in square brackets": f"Camille [CGT] <{SENDER}>",
    "a name with an emoji": f"=?utf-8?b?8J+Yig==?= Camille <{SENDER}>",
}
DOMAINS = {
    "a subdomain": ("lettre.personne.example", "lettre.personne.example"),
    "an IDN in A-labels": ("xn--caf-dma.example", "xn--caf-dma.example"),
    "an IDN in A-labels, told in U-labels": ("xn--caf-dma.example", "café.example"),
    "an IDN in U-labels": ("café.example", "xn--caf-dma.example"),
}


def told_by_our_server() -> Iterator[HonestMail]:
    """Mails that our server's Authentication-Results prove."""
    for what, head in HEADS.items():
        settings = AuthenticationSettings(
            server=head["server"], results_above_received=head.get("above", False)
        )
        yield what, settings, SENDER, _lines(head["head"]) + letter(f"Camille <{SENDER}>")
    ours = AuthenticationSettings(server=SERVER)
    for what, shown in NAMES.items():
        yield f"From: {what}", ours, SENDER, _lines(RSPAMD) + letter(shown)
    for what, (domain, told) in DOMAINS.items():
        top = _lines(RSPAMD.replace("personne.example", told))
        yield f"From: {what}", ours, f"info@{domain}", top + letter(f"Info <info@{domain}>")


def signed_by_the_sender() -> Iterator[HonestMail]:
    """Mails that our own check of DKIM proves; the client may not send for the domain."""
    settings = AuthenticationSettings(received_by=SERVER, dns=True)
    top = _lines(ARRIVED.replace("192.0.2.7", "198.51.100.9"))
    raw = letter(f"Camille <{SENDER}>")
    broken = b"DKIM-Signature: v=1; a=rsa-sha256; d=personne.example; s=s; h=from:subject; b=AA\r\n"
    mails = {
        "DKIM": _signed(raw),
        "DKIM, simple canonicalization": _signed(raw, canonicalize=(b"simple", b"simple")),
        "DKIM by a subdomain, relaxed": _signed(raw, b"lettre.personne.example"),
        "DKIM below another's signature": signed(_signed(raw), "evil", b"evil.example"),
        "DKIM below a broken signature": broken + _signed(raw),
        "DKIM, spaces at the ends of lines": _signed(raw + b"a  b \t\r\n  \r\nc\r\n\r\n\r\n"),
        "DKIM, no body": _signed(raw[: raw.index(b"\r\n\r\n") + 4]),
        "DKIM, a long body": _signed(raw + b"mot  mot\tmot \r\n" * 60_000),
    }
    for what, mail in mails.items():
        yield what, settings, SENDER, top + mail
        yield f"{what}, LF alone", settings, SENDER, (top + mail).replace(b"\r\n", b"\n")
    idn = _signed(letter("Info <info@xn--caf-dma.example>"), b"xn--caf-dma.example")
    yield "DKIM of an IDN", settings, "info@café.example", top + idn


def sent_by_the_domains_hosts() -> Iterator[HonestMail]:
    """Mails that our own check of SPF proves."""
    settings = AuthenticationSettings(received_by=SERVER, dns=True)
    path, raw = f"Return-Path: <{SENDER}>\n", letter(f"Camille <{SENDER}>")
    _, exim = HEADS["Exim"]["head"].split("Received:")
    heads = {
        "SPF": path + ARRIVED,
        "SPF, IPv6": path + ARRIVED.replace("192.0.2.7", "IPv6:2001:db8::7"),
        "SPF of a subdomain, relaxed": path.replace("personne", "lettre.personne") + ARRIVED,
        "SPF behind amavis and Dovecot": HEADS["Postfix, amavis"]["head"],
        "SPF, Exim": f"{path}Received:{exim}",
        "SPF, qmail": f"{path}Received: from relais.personne.example (HELO relais) (192.0.2.7)\n"
        f"  by {SERVER} with SMTP; 20 Nov 2026 09:00:01 -0000\n",
    }
    for what, head in heads.items():
        yield what, settings, SENDER, _lines(head) + raw


def _lines(head: str) -> bytes:
    return head.encode().replace(b"\n", b"\r\n")


def _signed(raw: bytes, domain: bytes = b"personne.example", **more: object) -> bytes:
    return signed(raw, "honest", domain, **more)  # type: ignore[arg-type]


KINDS = (told_by_our_server, signed_by_the_sender, sent_by_the_domains_hosts)
HONEST_MAILS: tuple[HonestMail, ...] = tuple(mail for kind in KINDS for mail in kind())
