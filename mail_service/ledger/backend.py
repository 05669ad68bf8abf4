"""Shared by every part of the ledger: Postgres, encryption, fingerprints and the event log.

Texts are encrypted, addresses are looked up by keyed fingerprint, each method of a part is atomic:
one statement, or one transaction of several.
"""

import asyncio
import re
from collections.abc import Sequence

import asyncpg

from mail_service.reading.message import Mail
from mail_service.reading.reader import MAILS
from shared.clock import Clock
from shared.privacy.encryption import Encryption
from shared.stores.postgres import Postgres
from shared.stores.statements import Statements

SQL = Statements.beside(__file__)
OFFLOAD_BYTES = 256 * 1024
"""Encrypting or hashing more than this at once would block the event loop for too long."""


class LedgerBackend:
    """The connection pool, the encryption and the clock that the parts of the ledger share."""

    def __init__(self, postgres: Postgres, encryption: Encryption, clock: Clock) -> None:
        self.postgres = postgres
        self.encryption = encryption
        self.clock = clock

    async def seal(self, clear: bytes, purpose: str) -> bytes:
        """Encrypt for one purpose; large contents in a thread."""
        if len(clear) < OFFLOAD_BYTES:
            return self.encryption.seal(clear, purpose)
        return await asyncio.to_thread(self.encryption.seal, clear, purpose)

    async def unseal(self, sealed: bytes, purpose: str) -> bytes:
        """Decrypt what `seal` encrypted for this purpose; large contents in a thread."""
        if len(sealed) < OFFLOAD_BYTES:
            return self.encryption.open(sealed, purpose)
        return await asyncio.to_thread(self.encryption.open, sealed, purpose)

    async def unseal_mail(self, sealed: bytes) -> Mail:
        """Decrypt a parsed mail."""
        return MAILS.validate_json(await self.unseal(sealed, "reading"))

    def fingerprint(self, text: str, purpose: str) -> bytes:
        """Return the keyed fingerprint of a text for one purpose."""
        return self.encryption.fingerprint(text, purpose)

    def address_fingerprint(self, address: str) -> bytes:
        """Return the fingerprint of an address, whatever its case."""
        return self.fingerprint(_normalized(address), "address")

    def sender_fingerprints(self, mail: Mail) -> dict[str, bytes | None]:
        """Return fingerprints of the `sender`, their `domain` and the mail's lower-case `words`.

        Without words theirs is None. The names are those of the statements' parameters.
        """
        sender = mail.sender
        words = " ".join(re.findall(r"\w+", mail.full_text.lower()))
        address, domain, text = self.encryption.fingerprints(
            (_normalized(sender.address), "address"), (sender.domain, "domain"), (words, "words")
        )
        return {"sender": address, "domain": domain, "words": text if words else None}

    async def record_event(
        self, db: asyncpg.Connection, mail_id: int, step: str, reason: str = ""
    ) -> None:
        """Append a step to the event log of a mail."""
        now = self.clock.now()
        await SQL.execute(db, "insert_event", mail_id=mail_id, now=now, step=step, reason=reason)

    async def record_decision(
        self, db: asyncpg.Connection, mail_id: int, step: str, reason: str, by: str
    ) -> None:
        """Append a person's decision, and who took it where that is known: an account's name."""
        await self.record_event(db, mail_id, step, reason)
        if by:
            await self.record_event(db, mail_id, "reviewer", by)

    async def add_tombstones(self, db: asyncpg.Connection, identities: Sequence[bytes]) -> None:
        """Refuse these mails when the IMAP server shows them again."""
        await SQL.execute(
            db, "insert_tombstones", identities=list(identities), now=self.clock.now()
        )


def _normalized(address: str) -> str:
    return address.strip().lower()
