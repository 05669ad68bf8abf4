"""Write-behind to Postgres: records go to a Redis stream at once, and to Postgres when it is up.

While Postgres is down the journal grows and answers go on; when it is back it drains, in order.
Writing is idempotent, so an interrupted drain is repeated. Records are encrypted whole.
"""

import asyncio

import structlog

from shared.privacy.encryption import DecryptionFailed
from shared.stores.redis_connection import RedisConnection
from telegram_service.redis_client import KEY_PREFIX
from telegram_service.state.records import RECORD, Record
from telegram_service.state.store import Store
from telegram_service.vault import RECORD as PURPOSE
from telegram_service.vault import Vault

log = structlog.get_logger()

JOURNAL = f"{KEY_PREFIX}:journal"
BATCH = 200


class Journal:
    """The stream of records not yet in the store."""

    def __init__(self, redis: RedisConnection, store: Store, vault: Vault) -> None:
        self._redis = redis
        self._store = store
        self._vault = vault

    async def put(self, *records: Record) -> None:
        """Append records; they reach Postgres later."""
        await asyncio.gather(
            *(
                self._redis.call("XADD", JOURNAL, "*", "r", self._sealed(record))
                for record in records
            )
        )

    async def length(self) -> int:
        """Return how many records wait."""
        return int(await self._redis.call("XLEN", JOURNAL))

    async def drain(self) -> int:
        """Move all records to the store; return how many. Raises PostgresLost, RedisUnavailable."""
        moved = 0
        while entries := await self._redis.call("XRANGE", JOURNAL, "-", "+", "COUNT", BATCH):
            records = [self._opened(fields[1]) for _, fields in entries]
            await self._store.write([record for record in records if record])
            await self._redis.call("XDEL", JOURNAL, *(stream_id for stream_id, _ in entries))
            moved += len(entries)
        return moved

    def _sealed(self, record: Record) -> bytes:
        return self._vault.seal(record.model_dump_json().encode(), PURPOSE)

    def _opened(self, sealed: bytes) -> Record | None:
        """Return a record; None when its key has left the key file, and nobody can read it."""
        try:
            return RECORD.validate_json(self._vault.open(sealed, PURPOSE))
        except DecryptionFailed:
            log.warning("journal record lost: its key is no longer in the key file")
            return None
