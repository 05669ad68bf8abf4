"""Callback data of buttons: `v1|action|value|signature`, at most 64 bytes, valid in one chat."""

import hmac
from dataclasses import dataclass

from telegram_service.addresses import ChatId
from telegram_service.vault import Vault

VERSION = "v1"
SIGNATURE_CHARACTERS = 8
MAX_BYTES = 64


@dataclass(frozen=True)
class ButtonAction:
    """What a button does."""

    name: str
    value: str


class Buttons:
    """Signs and reads callback data."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def data(self, chat: ChatId, action: str, value: str = "") -> str | None:
        """Return a button's data, or None when it would be longer than Telegram accepts."""
        head = f"{VERSION}|{action}|{value}"
        data = f"{head}|{self._signature(chat, head)}"
        return data if len(data.encode()) <= MAX_BYTES else None

    def read(self, chat: ChatId, data: str) -> ButtonAction | None:
        """Return the action, or None when the signature is not ours or of another chat."""
        head, _, signature = data.rpartition("|")
        if not hmac.compare_digest(signature.encode(), self._signature(chat, head).encode()):
            return None
        version, action, value = head.split("|", 2)
        return ButtonAction(action, value) if version == VERSION else None

    def _signature(self, chat: ChatId, head: str) -> str:
        signature = self._vault.fingerprint(f"{chat}|{head}", "button")
        return signature.hex()[:SIGNATURE_CHARACTERS]
