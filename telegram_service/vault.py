"""The bot's vault: encrypts what people wrote, and stands for the ids of people and chats.

No name of a key in Redis and no column of Postgres holds such an id: a keyed fingerprint does,
which whoever reads the disk cannot turn back without the vault's key file, although ids are short
numbers that could all be tried. docs/decisions/0118-sealed-before-it-is-written.md
"""

import base64
from collections.abc import Callable, Sequence
from functools import lru_cache

from shared.privacy.encryption import Encryption
from telegram_service.addresses import ChatId, is_private

UPDATE = "telegram update"
ANSWER = "telegram answer"
RECORDING = "telegram recording"
RECORD = "telegram record"
CHOICES = "telegram choices"
SESSION = "telegram session"
ERASURE = "telegram erasure"

SUPERGROUP_PREFIX = "-100"
SUPERGROUP, GROUP, PERSON = "s", "g", "p"
NAME_BYTES = 16
NUMBER_BYTES = 8
MAX_REMEMBERED = 16_384
"""Fingerprints kept in memory: the ingest computes one for each update."""


class Vault(Encryption):
    """Encryption, and fingerprints of ids; a person's private chat has the same id.

    `name` gives the fingerprint for the names of keys (128 bits, after a letter for the kind of
    chat), `number` the one for bigint columns (63 bits).
    """

    def __init__(self, seal_keys: Sequence[bytes], fingerprint_key: bytes) -> None:
        super().__init__(seal_keys, fingerprint_key)
        self.name: Callable[[ChatId], str] = lru_cache(MAX_REMEMBERED)(self._name)

    def _name(self, chat: ChatId) -> str:
        digest = self.fingerprint(str(chat), "telegram id in a name")
        text = base64.urlsafe_b64encode(digest[:NAME_BYTES]).decode().rstrip("=")
        if is_private(chat):
            return PERSON + text
        return (SUPERGROUP if str(chat).startswith(SUPERGROUP_PREFIX) else GROUP) + text

    def number(self, chat: ChatId) -> int:
        """Return the fingerprint as a number from 0 up to 2**63 - 1."""
        digest = self.fingerprint(str(chat), "telegram id in a column")
        return int.from_bytes(digest[:NUMBER_BYTES], "big") >> 1
