"""Writing behind: records go to a Redis stream at once and to Postgres when it can take them.

While Postgres is down the journal grows and answers go on; when it is back it drains, in order.
Writing is idempotent, so a drain that is interrupted is simply repeated.
"""

from telegram_service.redis_keys import TAG, Keyspace
from telegram_service.state.records import RECORD, Chosen, Judged, Said, Seen
from telegram_service.state.store import Store

JOURNAL = f"{TAG}:journal"
BATCH = 200


class Journal:
    """The stream, and how it empties into the store."""

    def __init__(self, redis: Keyspace, store: Store) -> None:
        self._redis = redis
        self._store = store

    async def put(self, *records: Seen | Chosen | Said | Judged) -> None:
        """Keep records; they reach Postgres later."""
        for record in records:
            await self._redis.call("XADD", JOURNAL, "*", "r", record.model_dump_json())

    async def length(self) -> int:
        """Return how many records wait."""
        return int(await self._redis.call("XLEN", JOURNAL))

    async def drain(self) -> int:
        """Move everything to the store; return how much. Raises PostgresLost, MailboxLost."""
        moved = 0
        while entries := await self._redis.call("XRANGE", JOURNAL, "-", "+", "COUNT", BATCH):
            await self._store.keep([RECORD.validate_json(fields[1]) for _, fields in entries])
            await self._redis.call("XDEL", JOURNAL, *(token for token, _ in entries))
            moved += len(entries)
        return moved
