"""Counters across all processes, in Redis; many are written by the queue's own scripts.

`lost` is computed, not counted: what was accepted, less what was settled, less what still waits
somewhere. It is 0 unless something is wrong. Why not prometheus_client: docs/decisions/0096.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.stores.redis_connection import LuaScript, RedisConnection
from telegram_service.queue.update_queue import (
    CONTROL,
    COUNTERS,
    POSTPONED,
    QUEUED_CHATS,
    now_ms,
    queue_key,
)

SNAPSHOT = LuaScript.read(Path(__file__).parent / "lua" / "snapshot.lua")
BUCKETS_MS = (50, 100, 250, 500, 1_000, 2_000, 3_000, 5_000, 10_000, 30_000, 60_000)


@dataclass(frozen=True)
class Statistics:
    """The state of the service at one moment."""

    counts: Mapping[str, int]
    waiting: int
    postponed_chats: int
    oldest_s: float

    @property
    def lost(self) -> int:
        """Return how many accepted updates are neither settled nor waiting."""
        return self.counts.get("accepted", 0) - self.counts.get("settled", 0) - self.waiting


class Counters:
    """Adds to the counters, and reads them. Raises RedisUnavailable."""

    def __init__(self, redis: RedisConnection) -> None:
        self._redis = redis

    async def add(self, name: str, amount: int = 1) -> None:
        """Add to a counter."""
        await self._redis.call("HINCRBY", COUNTERS, name, amount)

    async def observe(self, name: str, duration_ms: int) -> None:
        """Add a duration to its histogram."""
        bucket = next((str(top) for top in BUCKETS_MS if duration_ms <= top), "inf")
        await asyncio.gather(
            self._redis.call("HINCRBY", COUNTERS, f"{name}:{bucket}", 1),
            self._redis.call("HINCRBY", COUNTERS, f"{name}:sum", duration_ms),
        )

    async def read(self) -> Statistics:
        """Read everything at one moment, so that `lost` is exact."""
        keys = [COUNTERS, QUEUED_CHATS, CONTROL, POSTPONED]
        flat, waiting, postponed, oldest_ms = await self._redis.run(SNAPSHOT, keys, [queue_key("")])
        counts = {flat[n].decode(): int(flat[n + 1]) for n in range(0, len(flat), 2)}
        oldest_s = max(0.0, (now_ms() - int(oldest_ms)) / 1000) if oldest_ms else 0.0
        return Statistics(counts, waiting, postponed, oldest_s)
