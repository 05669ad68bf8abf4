"""What buttons carry: `v1|act|value|signature`, at most 64 bytes, valid in its own chat only."""

import hmac
from dataclasses import dataclass

VERSION = "v1"
SIGNATURE_CHARACTERS = 8
MOST_BYTES = 64


@dataclass(frozen=True)
class Act:
    """What a tap asks for."""

    name: str
    value: str


class Buttons:
    """Signs and reads callback data."""

    def __init__(self, secret: str) -> None:
        self._key = b"buttons\0" + secret.encode()

    def data(self, chat: int, act: str, value: str = "") -> str | None:
        """Return what a button carries, or None when it would be longer than Telegram takes."""
        head = f"{VERSION}|{act}|{value}"
        data = f"{head}|{self._signature(chat, head)}"
        return data if len(data.encode()) <= MOST_BYTES else None

    def read(self, chat: int, data: str) -> Act | None:
        """Return what was tapped, or None when it is not ours, or not of this chat."""
        head, _, signature = data.rpartition("|")
        if not hmac.compare_digest(signature.encode(), self._signature(chat, head).encode()):
            return None
        version, act, value = head.split("|", 2)
        return Act(act, value) if version == VERSION else None

    def _signature(self, chat: int, head: str) -> str:
        message = f"{chat}|{head}".encode()
        return hmac.digest(self._key, message, "sha256").hex()[:SIGNATURE_CHARACTERS]
