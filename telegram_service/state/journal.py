"""Write-behind to Postgres: records go to a Redis stream at once, and to Postgres when it is up.

While Postgres is down the journal grows and answers go on; when it is back it drains, in order.
Writing is idempotent, so an interrupted drain is repeated.
"""

import asyncio

from shared.stores.redis_connection import RedisConnection
from telegram_service.redis_client import KEY_PREFIX
from telegram_service.state.records import RECORD, Record
from telegram_service.state.store import Store

JOURNAL = f"{KEY_PREFIX}:journal"
BATCH = 200


class Journal:
    """The stream of records not yet in the store."""

    def __init__(self, redis: RedisConnection, store: Store) -> None:
        self._redis = redis
        self._store = store

    async def put(self, *records: Record) -> None:
        """Append records; they reach Postgres later."""
        await asyncio.gather(
            *(
                self._redis.call("XADD", JOURNAL, "*", "r", record.model_dump_json())
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
            await self._store.write([RECORD.validate_json(fields[1]) for _, fields in entries])
            await self._redis.call("XDEL", JOURNAL, *(stream_id for stream_id, _ in entries))
            moved += len(entries)
        return moved
