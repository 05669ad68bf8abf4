"""Forgets what has been kept long enough, once an hour."""

import asyncio
from datetime import timedelta

import structlog

from mail_service.ledger.store import Store
from mail_service.settings import RetentionSettings
from shared.clock import Clock
from shared.stores.postgres import PostgresLost

log = structlog.get_logger()

EVERY_S = 3_600.0


class Retention:
    """Texts go after `text_days`, rows after `ledger_days`."""

    def __init__(self, settings: RetentionSettings, store: Store, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock

    async def run(self) -> None:
        """Forget for ever; a lost ledger is tried again an hour later."""
        while True:
            try:
                await self.forget()
            except PostgresLost:
                log.warning("nothing forgotten", reason="ledger lost")
            await asyncio.sleep(EVERY_S)

    async def forget(self) -> tuple[int, int]:
        """Forget what is due; return how many mails lost their texts, and how many their row."""
        now = self._clock.now()
        texts, rows = await self._store.expire(
            now - timedelta(days=self._settings.text_days),
            now - timedelta(days=self._settings.ledger_days),
        )
        if texts or rows:
            log.info("forgotten", texts=texts, rows=rows)
        return texts, rows
