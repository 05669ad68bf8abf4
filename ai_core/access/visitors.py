"""Pseudonyms of the visitors who share a publishable key, for limits and conversations.

A pseudonym is an HMAC of the address under a secret that is in no store: whoever reads Redis cannot
try the four thousand million IPv4 addresses (decision 0109).
"""

import hashlib
import hmac
import os
import secrets
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from starlette.requests import Request

from shared.settings import WrongSettings

SECRET_BYTES = 32
PSEUDONYM_DIGITS = 16


class Visitors:
    """Makes pseudonyms with one secret; processes that share limits must share it."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def pseudonym(self, address: IPv4Address | IPv6Address | None) -> str:
        """Return the pseudonym of an address; addresses of one IPv6 /64 share theirs.

        A home or a phone gets a /64 (RFC 6177), so it is one visitor.
        """
        network = address.packed[:8] if address else b""
        return hmac.new(self._secret, network, hashlib.sha256).hexdigest()[:PSEUDONYM_DIGITS]

    def pseudonym_of(self, name: str) -> str:
        """Return the pseudonym of a name that somebody typed."""
        written = b"name\0" + name.encode("utf-8", "replace")
        return hmac.new(self._secret, written, hashlib.sha256).hexdigest()[:PSEUDONYM_DIGITS]


def client_address(request: Request) -> IPv4Address | IPv6Address | None:
    """Return the client's address as uvicorn found it: X-Forwarded-For's behind trusted proxies."""
    try:
        address = ip_address(request.client.host if request.client else "")
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def read_visitor_secret(file: Path) -> bytes:
    """Return the secret in `file`; a missing file is made, readable by its owner alone.

    Raises WrongSettings when it cannot be made, or holds fewer than SECRET_BYTES.
    """
    made = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            _write_private(made, secrets.token_bytes(SECRET_BYTES))
            _publish(made, file)
        secret = file.read_bytes()
    except OSError as error:
        raise WrongSettings(f"AI_CORE_PAGE__VISITOR_SECRET_FILE: {file}: {error}") from error
    if len(secret) < SECRET_BYTES:
        raise WrongSettings(f"AI_CORE_PAGE__VISITOR_SECRET_FILE: {file} must hold 32 bytes or more")
    return secret


def _publish(made: Path, file: Path) -> None:
    """Give `made` its name, unless another process made the secret meanwhile."""
    try:
        os.link(made, file)
    except FileExistsError:
        return
    finally:
        made.unlink()


def _write_private(file: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(file, flags, 0o600), "wb") as opened:
        opened.write(content)
