"""What is counted across all processes: in Redis, so that any of them can tell the whole.

`lost` is computed, not counted: what was accepted, less what was settled, less what still waits
somewhere. It is 0 unless something is wrong.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from shared.stores.redis_connection import Word
from telegram_service.queue.update_queue import (
    ACTIVE,
    CONTROL,
    COUNTS,
    LATER,
    READY,
    box_key,
    now_ms,
)
from telegram_service.redis_keys import Keyspace

BUCKETS_MS = (50, 100, 250, 500, 1_000, 2_000, 3_000, 5_000, 10_000, 30_000, 60_000)


@dataclass(frozen=True)
class Numbers:
    """The state of the service at one moment."""

    counts: Mapping[str, int]
    waiting: int
    postponed_chats: int
    oldest_s: float

    @property
    def lost(self) -> int:
        """Return how many accepted updates are neither settled nor waiting."""
        return self.counts.get("accepted", 0) - self.counts.get("settled", 0) - self.waiting


class Counter:
    """Adds to the numbers, and reads them."""

    def __init__(self, redis: Keyspace) -> None:
        self._redis = redis

    async def add(self, name: str, amount: int = 1) -> None:
        """Count something."""
        await self._redis.call("HINCRBY", COUNTS, name, amount)

    async def observe(self, name: str, milliseconds: int) -> None:
        """Note a duration in its histogram."""
        bucket = next((str(top) for top in BUCKETS_MS if milliseconds <= top), "inf")
        await asyncio.gather(
            self._redis.call("HINCRBY", COUNTS, f"{name}:{bucket}", 1),
            self._redis.call("HINCRBY", COUNTS, f"{name}:sum", milliseconds),
        )

    async def read(self) -> Numbers:
        """Look at everything, in one transaction so that the sums agree.

        A mailbox that fills between two looks would make `lost` wrong: hence the script.
        """
        keys: list[Word] = [COUNTS, ACTIVE, CONTROL, READY, LATER]
        told = await self._redis.call("EVAL", READ, len(keys), *keys, box_key(""))
        flat, waiting, postponed, oldest = told
        counts = {flat[n].decode(): int(flat[n + 1]) for n in range(0, len(flat), 2)}
        age_s = max(0.0, (now_ms() - int(oldest)) / 1000) if oldest else 0.0
        return Numbers(counts, waiting, postponed, age_s)


READ = """
local waiting, oldest = redis.call('XLEN', KEYS[3]), nil
for _, chat in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  local box = ARGV[1] .. chat
  waiting = waiting + redis.call('LLEN', box)
  local head = redis.call('LINDEX', box, 0)
  if head then
    local at = tonumber(string.match(head, '^%d+|%d*|(%d+)|'))
    if at and (not oldest or at < oldest) then oldest = at end
  end
end
local counts = redis.call('HGETALL', KEYS[1])
return {counts, waiting, redis.call('ZCARD', KEYS[5]), oldest and tostring(oldest) or false}
"""
