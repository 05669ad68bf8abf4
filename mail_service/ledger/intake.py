"""Intake: new mail enters the ledger once, however often and wherever it is seen."""

import asyncio
import hashlib
import re
from datetime import datetime

import asyncpg

from mail_service.ledger.backend import OFFLOAD_BYTES, LedgerBackend
from mail_service.ledger.records import MailLocation
from shared.stores.statements import Statements

SQL = Statements.beside(__file__)
MESSAGE_ID = re.compile(rb"^message-id:\s*(<[^<>\s]{1,500}>)", re.IGNORECASE | re.MULTILINE)
HEADER_END = re.compile(rb"\r?\n\r?\n")


def identity_of(raw: bytes) -> bytes:
    """Return the SHA-256 that two deliveries of one mail share: of its Message-ID and body.

    The body counts because a Message-ID can be repeated with other content; the rest of the
    header does not, because relays add fields. Without a Message-ID, all bytes count.
    """
    end = HEADER_END.search(raw)
    header = raw[: end.start()] if end else raw
    name = MESSAGE_ID.search(header)
    if name is None:
        return hashlib.sha256(raw).digest()
    body = raw[end.end() :] if end else b""
    return hashlib.sha256(name[1] + b"\0" + body.rstrip()).digest()


class Intake:
    """Writes received mails."""

    def __init__(self, backend: LedgerBackend) -> None:
        self._backend = backend

    async def add(self, location: MailLocation, raw: bytes, size_bytes: int) -> int | None:
        """Write a mail and its location; return its id.

        A mail that is already in the ledger keeps its id. None: it was erased, and stays so.
        """
        backend = self._backend
        large = len(raw) >= OFFLOAD_BYTES
        digest = await asyncio.to_thread(identity_of, raw) if large else identity_of(raw)
        identity = backend.fingerprint(digest.hex(), "identity")
        sealed = await backend.seal(raw, "raw")
        now = backend.clock.now()
        async with backend.postgres.transaction() as db:
            mail_id = None
            if not await SQL.fetch_value(db, "is_erased", identity=identity):
                mail_id = await self._insert(
                    db, location.mailbox, identity, sealed, size_bytes, now
                )
            await SQL.execute(
                db,
                "insert_location",
                mailbox=location.mailbox,
                folder=location.folder,
                uid_validity=location.uid_validity,
                uid=location.uid,
                mail_id=mail_id,
                now=now,
            )
        return mail_id

    async def _insert(
        self,
        db: asyncpg.Connection,
        mailbox: str,
        identity: bytes,
        sealed: bytes,
        size_bytes: int,
        now: datetime,
    ) -> int:
        new = await SQL.fetch_value(
            db,
            "insert_mail",
            mailbox=mailbox,
            identity=identity,
            size_bytes=size_bytes,
            raw_sealed=sealed,
            now=now,
        )
        if new is None:
            return int(await SQL.fetch_value(db, "find_mail", mailbox=mailbox, identity=identity))
        await self._backend.record_event(db, new, "received")
        return int(new)

    async def known_uids(self, mailbox: str, folder: str, uid_validity: int) -> set[int]:
        """Return the UIDs of a folder whose mails are in the ledger."""
        async with self._backend.postgres.connection() as db:
            rows = await SQL.fetch(
                db, "known_uids", mailbox=mailbox, folder=folder, uid_validity=uid_validity
            )
        return {row["uid"] for row in rows}
