"""Rate limits of a channel, kept across all workers: token buckets in Redis, and refusals obeyed.

The deadlines of refusals are in Redis too, so that no process calls inside a retry-after window
that another one received.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from shared.stores.redis_connection import LuaScript, RedisArg, RedisConnection
from telegram_service.addresses import ChannelName, ChatAddress
from telegram_service.channels.channel import Priority
from telegram_service.errors import RateLimited
from telegram_service.queue.update_queue import COUNTERS
from telegram_service.redis_client import KEY_PREFIX
from telegram_service.vault import Vault

LUA = Path(__file__).parent / "lua"
ACQUIRE_RATE = LuaScript.read(LUA / "acquire_rate.lua")
RECORD_RETRY_AFTER = LuaScript.read(LUA / "record_retry_after.lua")
RATE_KEY, RETRY_AFTER_KEY = f"{KEY_PREFIX}:rate", f"{KEY_PREFIX}:retry_after"
MAX_WAIT_S = 20.0
"""After a longer wait the update is postponed instead, and the worker does something else."""
AFTER_DEADLINE_S = 0.02
REFUSED_CHATS_THAT_MEAN_THE_BOT = 5
T = TypeVar("T")


@dataclass(frozen=True)
class Bucket:
    """A token bucket: its key in Redis, tokens per second, and how many it holds."""

    key: str
    per_s: float
    burst: int


@dataclass(frozen=True)
class Rates:
    """What a channel allows: calls of the bot per second, and of one chat."""

    bot_per_s: float
    private_per_s: float
    private_burst: int
    group_per_s: float
    group_burst: int


class RateLimits:
    """The rate limits of one channel."""

    def __init__(
        self, redis: RedisConnection, vault: Vault, channel: ChannelName, rates: Rates
    ) -> None:
        self._redis = redis
        self._vault = vault
        self._channel = channel
        self._rates = rates

    def bucket(self, kind: str, address: ChatAddress, per_s: float, burst: int) -> Bucket:
        """Return a bucket of its own for some calls in a chat."""
        return Bucket(f"{RATE_KEY}:{kind}:{self._vault.name(address.chat)}", per_s, burst)

    async def call(
        self,
        address: ChatAddress,
        priority: Priority,
        request: Callable[[], Awaitable[T]],
        bucket: Bucket | None = None,
    ) -> T | None:
        """Wait for tokens, call, and obey a RateLimited; None when a preview call is dropped.

        Raises RateLimited when the wait is longer than a worker should wait, RedisUnavailable, and
        what `request` raises.
        """
        while True:
            wait_ms = await self._acquire(address, priority, bucket)
            if wait_ms:
                if not priority.waits:
                    return None
                await wait(wait_ms / 1000)
                continue
            try:
                return await request()
            except RateLimited as refusal:
                await self._record(address, refusal.retry_after_s or 1.0)

    async def _acquire(
        self, address: ChatAddress, priority: Priority, bucket: Bucket | None
    ) -> int:
        """Take a token of the bot and one of the chat; return how many ms to wait for them."""
        rates, name = self._rates, self._vault.name(address.chat)
        if bucket is None and address.private:
            bucket = Bucket(f"{RATE_KEY}:{name}", rates.private_per_s, rates.private_burst)
        elif bucket is None:
            bucket = Bucket(f"{RATE_KEY}:{name}", rates.group_per_s, rates.group_burst)
        bot_reserve, chat_reserve, _ = priority.value
        keys = [
            f"{RATE_KEY}:{self._channel}", bucket.key,
            f"{RETRY_AFTER_KEY}:{self._channel}", f"{RETRY_AFTER_KEY}:{name}",
        ]  # fmt: skip
        bot_burst = max(1.0, rates.bot_per_s)
        reserve = min(bot_reserve, bot_burst - 1)
        args = [rates.bot_per_s, bot_burst, bucket.per_s, bucket.burst, reserve, chat_reserve]
        return int(await self._redis.run(ACQUIRE_RATE, keys, args))

    async def _record(self, address: ChatAddress, retry_after_s: float) -> None:
        name = self._vault.name(address.chat)
        names = (self._channel, name, f"{self._channel}_chats")
        keys = [*(f"{RETRY_AFTER_KEY}:{one}" for one in names), COUNTERS]
        args: list[RedisArg] = [int(retry_after_s * 1000), name, REFUSED_CHATS_THAT_MEAN_THE_BOT]
        await self._redis.run(RECORD_RETRY_AFTER, keys, args)


async def wait(seconds: float) -> None:
    """Sleep. Raises RateLimited when that is longer than a worker should wait."""
    if seconds > MAX_WAIT_S:
        raise RateLimited(retry_after_s=seconds)
    await asyncio.sleep(seconds + AFTER_DEADLINE_S)
