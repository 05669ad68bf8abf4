"""What each key is used for: requests and tokens a day, for the operator.

Counted in memory and added to Redis every few seconds, so that no request waits for it. What was
counted while Redis is lost is added when it is back; a killed process loses the last seconds.
"""

import asyncio
from collections import Counter
from contextlib import suppress
from datetime import date, timedelta
from typing import NamedTuple

from redis.exceptions import RedisError

from ai_core.redis_keys import TAG
from shared.clock import Clock
from shared.stores.redis_connection import RedisConnection

WRITE_EVERY_S = 5.0
KEPT_DAYS = 35


class DayUsage(NamedTuple):
    """What a key was used for on a day (UTC)."""

    day: date
    requests: int
    tokens: int


class KeyUsage:
    """Counts admitted requests and the tokens they were charged, by key and day."""

    def __init__(self, connection: RedisConnection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._counted: Counter[tuple[date, str]] = Counter()

    def count(self, key_id: str, tokens: int) -> None:
        """Count a request that has ended."""
        day = self._clock.now().date()
        self._counted[day, f"{key_id}:requests"] += 1
        if tokens:
            self._counted[day, f"{key_id}:tokens"] += tokens

    async def keep_writing(self) -> None:
        """Write what was counted, now and then, until cancelled."""
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            with suppress(RedisError):  # it is written when Redis is back
                await self.write()

    async def write(self) -> None:
        """Add what was counted to Redis. Raises RedisError; then it is still counted."""
        counted, self._counted = self._counted, Counter()
        try:
            for (day, field), number in list(counted.items()):
                key = _key(day)
                await self._connection.call("HINCRBY", key, field, number)
                del counted[day, field]
                await self._connection.call("EXPIRE", key, (KEPT_DAYS + 1) * 86_400)
        finally:
            self._counted.update(counted)

    async def of_keys(self, days: int) -> dict[str, list[DayUsage]]:
        """Return the usage of each key that was used in the last `days`, the latest day first.

        Raises RedisError.
        """
        today = self._clock.now().date()
        found: dict[str, list[DayUsage]] = {}
        for back in range(days):
            day = today - timedelta(days=back)
            fields = await self._connection.call("HGETALL", _key(day))
            numbers = {
                name.decode(): int(number)
                for name, number in zip(fields[::2], fields[1::2], strict=True)
            }
            for name, requests in numbers.items():
                key_id, _, what = name.partition(":")
                if what == "requests":
                    tokens = numbers.get(f"{key_id}:tokens", 0)
                    found.setdefault(key_id, []).append(DayUsage(day, requests, tokens))
        return found


def _key(day: date) -> str:
    return f"{TAG}:key_usage:{day.isoformat()}"
