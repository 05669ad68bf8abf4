"""Who waits for a place at ai_core, over all workers, in the order in which they began to wait."""

import asyncio
from pathlib import Path

from shared.stores.redis_connection import Script
from telegram_service.redis_keys import TAG, Keyspace

LINE_UP = Script.read(Path(__file__).parent / "lua" / "line_up.lua")
PLACES = f"{TAG}:waitlist"
HEARD, TICKETS = f"{PLACES}:heard", f"{PLACES}:tickets"
SILENT_MS = 30_000
"""Longer than the longest pause of a scribe: who was not heard of since died with their worker."""


class Waitlist:
    """Places in line, for people to see; who is served next is each worker's matter.

    Raises MailboxLost.
    """

    def __init__(self, redis: Keyspace) -> None:
        self._redis = redis

    async def place(self, update_id: int) -> int:
        """Return the place of an update, 1 for the first; the last one when it had none yet."""
        keys = [PLACES, HEARD, TICKETS]
        return 1 + int(await self._redis.run(LINE_UP, keys, [update_id, SILENT_MS]))

    async def leave(self, update_id: int) -> None:
        """Give the place up."""
        await asyncio.gather(*(self._redis.call("ZREM", key, update_id) for key in (PLACES, HEARD)))
