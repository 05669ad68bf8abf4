"""How much one person may ask, and everybody together: counted in Redis, each question once.

Telegram's own limits are the sender's matter.
"""

from datetime import datetime
from pathlib import Path
from typing import Literal

from shared.clock import PARIS, Clock
from shared.stores.redis_connection import Script
from telegram_service.queue.update_queue import KEPT_S
from telegram_service.redis_keys import TAG, Keyspace
from telegram_service.settings import LimitSettings

QUOTA = Script.read(Path(__file__).parent / "lua" / "quota.lua")
Limit = Literal["minute", "day", "all"]


class Throttle:
    """Counts questions against the quotas."""

    def __init__(self, redis: Keyspace, limits: LimitSettings, clock: Clock) -> None:
        self._redis = redis
        self._limits = limits
        self._clock = clock

    async def reached(self, person: int, update_id: int) -> Limit | None:
        """Return the limit this question runs into, or None; the same update counts once."""
        now = self._clock.now()
        keys = [
            f"{TAG}:quota:counted:{update_id}",
            f"{TAG}:quota:{person}:{minute(now)}",
            f"{TAG}:quota:{person}:{now.astimezone(PARIS):%Y%m%d}",
            f"{TAG}:quota:all:{minute(now)}",
        ]
        limits = self._limits
        words = [
            limits.questions_per_minute,
            limits.questions_per_day,
            limits.questions_per_minute_in_all,
            KEPT_S,
        ]
        told = (await self._redis.run(QUOTA, keys, words)).decode()
        found: dict[str, Limit] = {"minute": "minute", "day": "day", "all": "all"}
        return found.get(told)


def minute(moment: datetime) -> str:
    """Return the minute as part of a key."""
    return f"{moment:%Y%m%d%H%M}"
