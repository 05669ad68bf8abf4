"""Notifications to the workers of this and other processes that there is work in the ledger.

A hint only: workers poll the ledger as well, so nothing is lost without Redis.
"""

import asyncio
from types import TracebackType

from redis.asyncio import Redis
from redis.driver_info import DriverInfo
from redis.exceptions import RedisError

CHANNEL = "mail:wake"
TIMEOUT_S = 2.0
DRIVER = DriverInfo()
"""One instance: redis-py would read its version from disk at each connection."""


class WorkNotifier:
    """An event for this process, published to the others through Redis. Open with `async with`."""

    def __init__(self, url: str | None) -> None:
        self._url = url
        self._work = asyncio.Event()
        self._listener: asyncio.Task[None] | None = None
        self._redis: Redis | None = None

    async def __aenter__(self) -> "WorkNotifier":
        if self._url:
            self._redis = Redis.from_url(
                self._url,
                socket_timeout=TIMEOUT_S,
                socket_connect_timeout=TIMEOUT_S,
                driver_info=DRIVER,
            )
            self._listener = asyncio.create_task(self._listen(self._url), name="notifications")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._listener:
            self._listener.cancel()
            await asyncio.wait([self._listener])
        if self._redis:
            await self._redis.aclose()

    async def notify(self) -> None:
        """Wake every waiting worker."""
        self._work.set()
        if self._redis:
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    await self._redis.publish(CHANNEL, b"")
            except (RedisError, OSError):
                return

    async def wait(self, seconds: float) -> None:
        """Return when notified, or after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._work.wait()
        except TimeoutError:
            return
        self._work.clear()

    async def _listen(self, url: str) -> None:
        while True:
            try:
                redis = Redis.from_url(
                    url,
                    socket_timeout=None,
                    socket_connect_timeout=TIMEOUT_S,
                    driver_info=DRIVER,
                )
                async with redis, redis.pubsub() as subscription:
                    await subscription.subscribe(CHANNEL)
                    async for _ in subscription.listen():
                        self._work.set()
            except (RedisError, OSError):
                await asyncio.sleep(TIMEOUT_S)
