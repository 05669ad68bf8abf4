"""Retention: an hourly job deletes what has expired; `reseal` moves the rest to the newest key."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog

from mail_service.ledger.backend import LedgerBackend
from mail_service.settings import RetentionSettings
from shared.clock import Clock
from shared.stores.postgres import PostgresLost, Row
from shared.stores.statements import Statements

log = structlog.get_logger()

SQL = Statements.beside(__file__)
EVERY_S = 3_600.0
MAILS_PURPOSES = {"raw_sealed": "raw", "reading_sealed": "reading", "draft_sealed": "draft"}
OUTBOX_PURPOSES = {"bytes_sealed": "outgoing", "recipient_sealed": "recipient"}


class Retention:
    """Deletes the expired, and encrypts again with the newest key."""

    def __init__(self, backend: LedgerBackend) -> None:
        self._backend = backend

    async def delete_expired(
        self, texts_before: datetime, rows_before: datetime
    ) -> tuple[int, int]:
        """Delete the texts and the rows of mails finished before; return how many of each.

        A deleted row leaves a tombstone, or a mail still on the server would come back.
        """
        backend = self._backend
        async with backend.postgres.transaction() as db:
            texts = await SQL.fetch(db, "delete_mail_texts", before=texts_before)
            await SQL.execute(db, "delete_outgoing_texts", before=texts_before)
            await SQL.execute(db, "delete_confirmations", before=texts_before)
            rows = await SQL.fetch(db, "delete_mails", before=rows_before)
            await backend.add_tombstones(db, [row["identity"] for row in rows])
        return len(texts), len(rows)

    async def reseal(self, limit: int = 100) -> int:
        """Encrypt again what an older key encrypted; return how many rows were changed.

        Called until it returns 0, after which the older key may be removed from the file.
        """
        newest = self._backend.encryption.newest_id
        async with self._backend.postgres.transaction() as db:
            mails = await SQL.fetch(db, "lock_mails_of_older_keys", newest=newest, limit=limit)
            for row in mails:
                await SQL.execute(db, "reseal_mail", **await self._resealed(row, MAILS_PURPOSES))
            outgoing = await SQL.fetch(
                db, "lock_outgoing_of_older_keys", newest=newest, limit=limit
            )
            for row in outgoing:
                resealed = await self._resealed(row, OUTBOX_PURPOSES)
                await SQL.execute(db, "reseal_outgoing", **resealed)
        return len(mails) + len(outgoing)

    async def _resealed(self, row: Row, purposes: Mapping[str, str]) -> dict[str, object]:
        backend = self._backend
        columns: dict[str, object] = {"id": row["id"]}
        for column, purpose in purposes.items():
            sealed = row[column]
            if sealed is not None:
                sealed = await backend.seal(await backend.unseal(sealed, purpose), purpose)
            columns[column] = sealed
        return columns


class RetentionJob:
    """Deletes texts after `text_days` and rows after `ledger_days`, once an hour."""

    def __init__(self, settings: RetentionSettings, retention: Retention, clock: Clock) -> None:
        self._settings = settings
        self._retention = retention
        self._clock = clock

    async def run(self) -> None:
        """Run until cancelled; a lost ledger is tried again an hour later."""
        while True:
            try:
                await self.run_once()
            except PostgresLost:
                log.warning("retention skipped", reason="ledger lost")
            await asyncio.sleep(EVERY_S)

    async def run_once(self) -> tuple[int, int]:
        """Delete what is due; return how many mails lost their texts, and how many their row."""
        now = self._clock.now()
        texts, rows = await self._retention.delete_expired(
            now - timedelta(days=self._settings.text_days),
            now - timedelta(days=self._settings.ledger_days),
        )
        if texts or rows:
            log.info("expired mails deleted", texts=texts, rows=rows)
        return texts, rows
