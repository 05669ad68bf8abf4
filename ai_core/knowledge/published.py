"""The entries published at the desk, read from Postgres in the background and held in memory.

They answer at once, before `publishing.py` has trained an index that knows them. Questions never
wait for Postgres: while it does not answer, what was read last goes on answering.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg
import structlog
from pydantic import ValidationError

from ai_core.knowledge.records import Entry
from ai_core.records.database import Records
from ai_core.records.entry_store import EntryStore
from shared.errors import AppError

log = structlog.get_logger()

LOOK_S = 2.0


class PublishedEntries:
    """The published entries, as they were last read; `stamp` changes with them."""

    def __init__(self, records: Records, store: EntryStore) -> None:
        self._records, self._store = records, store
        self.stamp: str | None = None
        self.entries: Sequence[Entry] = ()

    async def refresh(self) -> None:
        """Read them. Raises RecordsOff, PostgresLost."""
        if await self._store.stamp() == self.stamp:
            return
        stamp, bodies = await self._store.published()
        read = []
        for topic, body in bodies.items():
            try:
                read.append(Entry.model_validate(body))
            except ValidationError as error:  # written by another release
                log.warning("published entry not read", topic=topic, fault=str(error))
        self.entries, self.stamp = tuple(read), stamp

    async def watch(self) -> None:
        """Read them again and again, until it is cancelled."""
        await self._records.wait_until_up()
        while True:
            try:
                await self.refresh()
            except (AppError, asyncpg.PostgresError) as error:
                log.warning("published entries not read", reason=type(error).__name__)
            await asyncio.sleep(LOOK_S)


@asynccontextmanager
async def published_entries(records: Records, store: EntryStore) -> AsyncIterator[PublishedEntries]:
    """Read the published entries for as long as the service lives."""
    published = PublishedEntries(records, store)
    watching = asyncio.create_task(published.watch(), name="watch the published entries")
    try:
        yield published
    finally:
        watching.cancel()
        await asyncio.wait([watching])
