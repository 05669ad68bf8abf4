"""The updates waiting for a slot at ai_core, over all workers, in order of arrival."""

import asyncio
from pathlib import Path

from shared.stores.redis_connection import LuaScript, RedisConnection
from telegram_service.redis_client import KEY_PREFIX

QUEUE_POSITION = LuaScript.read(Path(__file__).parent / "lua" / "queue_position.lua")
POSITIONS = f"{KEY_PREFIX}:waitlist"
RENEWED, TICKETS = f"{POSITIONS}:renewed", f"{POSITIONS}:tickets"
TIMEOUT_MS = 30_000
"""Longer than the longest pause of a live preview: what was not renewed since lost its worker."""


class Waitlist:
    """Positions for people to see; each worker serves its own updates in order.

    Raises RedisUnavailable.
    """

    def __init__(self, redis: RedisConnection) -> None:
        self._redis = redis

    async def position(self, update_id: int) -> int:
        """Return the position of an update from 1, and renew it; a new update comes last."""
        keys = [POSITIONS, RENEWED, TICKETS]
        return 1 + int(await self._redis.run(QUEUE_POSITION, keys, [update_id, TIMEOUT_MS]))

    async def leave(self, update_id: int) -> None:
        """Remove an update."""
        await asyncio.gather(
            *(self._redis.call("ZREM", key, update_id) for key in (POSITIONS, RENEWED))
        )
