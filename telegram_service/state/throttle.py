"""Quotas of questions, per person and for everybody: counted in Redis, each question once.

The channels' own limits: channels/.
"""

from datetime import datetime
from pathlib import Path
from typing import Literal

from shared.clock import PARIS, Clock
from shared.stores.redis_connection import LuaScript, RedisConnection
from telegram_service.addresses import ChatId
from telegram_service.queue.update_queue import TTL_S
from telegram_service.redis_client import KEY_PREFIX
from telegram_service.settings import LimitSettings
from telegram_service.vault import Vault

QUOTA = LuaScript.read(Path(__file__).parent / "lua" / "quota.lua")
Limit = Literal["minute", "day", "all"]


class Throttle:
    """Counts questions against the quotas."""

    def __init__(
        self, redis: RedisConnection, limits: LimitSettings, clock: Clock, vault: Vault
    ) -> None:
        self._redis = redis
        self._vault = vault
        self._limits = limits
        self._clock = clock

    async def reached(self, person: ChatId, update_id: int) -> Limit | None:
        """Return the limit that this question reaches, or None; the same update counts once."""
        now, name = self._clock.now(), self._vault.name(person)
        keys = [
            f"{KEY_PREFIX}:quota:counted:{update_id}",
            f"{KEY_PREFIX}:quota:{name}:{minute(now)}",
            f"{KEY_PREFIX}:quota:{name}:{now.astimezone(PARIS):%Y%m%d}",
            f"{KEY_PREFIX}:quota:all:{minute(now)}",
        ]
        limits = self._limits
        args = [
            limits.questions_per_minute,
            limits.questions_per_day,
            limits.questions_per_minute_in_all,
            TTL_S,
        ]
        limit: Limit | Literal[""] = (await self._redis.run(QUOTA, keys, args)).decode()
        return limit or None


def minute(moment: datetime) -> str:
    """Return the minute as part of a key."""
    return f"{moment:%Y%m%d%H%M}"
