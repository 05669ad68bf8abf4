"""Letters of the forger and of the victim, signed or not, and what our server makes of them."""

import tomllib
from pathlib import Path

import dkim

from tests.mail_service.mails import SERVER, raw_mail
from tests.mail_service.sender_checks.senders_zone import FORGER_CLIENT, VICTIM, signing_key

FORGER = "faussaire@evil.example"
DATE = "Fri, 20 Nov 2026 09:00:01 +0000"
TEXTS = tomllib.loads(Path(__file__).with_name("forgeries.toml").read_text())
Forgery = tuple[str, bytes]
"""What is tried, and the mail as our server delivers it."""


def texts(name: str) -> list[str]:
    """Return a list of forgeries.toml."""
    return [text.replace("{server}", SERVER).replace("{date}", DATE) for text in TEXTS[name]]


def table(name: str) -> dict[str, str]:
    """Return a table of forgeries.toml."""
    return {key: text.replace("{server}", SERVER) for key, text in TEXTS[name].items()}


def received(
    helo: str = "evil.example", client: str = FORGER_CLIENT, by: str = SERVER, rdns: str = "unknown"
) -> str:
    """Return the Received line of a Postfix."""
    return (
        f"Received: from {helo} ({rdns} [{client}])\r\n"
        f"\tby {by} (Postfix) with ESMTP id 4F for <questions@neo.example>;\r\n\t{DATE}\r\n"
    )


def arrived(
    letter: bytes, *, above: str = "", below: str = "", envelope: str = FORGER, **line: str
) -> bytes:
    """Return what the forger's `letter` becomes once our server took it."""
    return f"Return-Path: <{envelope}>\r\n{above}{received(**line)}{below}".encode() + letter


def letter(sender: str | bytes = VICTIM, *, before: str = "") -> bytes:
    """Return a letter with that From field, its lines ended by CRLF."""
    raw = raw_mail(subject="Effacer mes donnees").replace(b"\n", b"\r\n")
    shown = sender.encode() if isinstance(sender, str) else sender
    usual = b"From: Camille Durand <camille@personne.example>"
    return before.encode() + raw.replace(usual, b"From: " + shown)


class TamperedSigner(dkim.DKIM):  # type: ignore[misc]
    """Signs with tags of the forger's choice; `only` are the fields that are really signed."""

    def __init__(
        self,
        raw: bytes,
        more: tuple[tuple[bytes, bytes], ...],
        instead: dict[bytes, bytes],
        only: tuple[bytes, ...] | None,
    ) -> None:
        super().__init__(raw)
        self._more, self._instead, self._only = more, instead, only

    def gen_header(
        self, fields: list[tuple[bytes, bytes]], names: list[bytes], *rest: object
    ) -> bytes:
        changed = [(name, self._instead.get(name, value)) for name, value in fields]
        changed[1:1] = self._more
        value: bytes = super().gen_header(changed, self._only or names, *rest)
        return value


def signed(
    raw: bytes,
    owner: str = "evil",
    domain: bytes = b"evil.example",
    *,
    more: tuple[tuple[bytes, bytes], ...] = (),
    instead: dict[bytes, bytes] | None = None,
    only: tuple[bytes, ...] | None = None,
    **options: object,
) -> bytes:
    """Return `raw` below a valid signature of the owner's key."""
    changes = dict(instead or {})
    if only:
        changes[b"h"] = b":".join(only)
    signer = TamperedSigner(raw, more, changes, only)
    names = [b"from", b"subject", b"to", b"date"]
    relaxed = {"canonicalize": (b"relaxed", b"relaxed"), "include_headers": names}
    field: bytes = signer.sign(b"s", domain, signing_key(owner), **(relaxed | options))
    return field + raw


def changed(raw: bytes, old: bytes, new: bytes) -> bytes:
    """Return `raw` with the first `old` replaced, which must be there."""
    before, found, after = raw.partition(old)
    assert found, old
    return before + new + after
