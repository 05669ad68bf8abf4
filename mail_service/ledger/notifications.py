"""Tells workers, in this process and in others, that there is something to do.

A hint only: whoever waits looks by itself after a while, so that losing Redis loses nothing.
"""

import asyncio
from types import TracebackType

from redis.asyncio import Redis
from redis.driver_info import DriverInfo
from redis.exceptions import RedisError

CHANNEL = "mail:wake"
TIMEOUT_S = 2.0
DRIVER = DriverInfo()
"""Made here because redis-py would read its version from disk at each connection."""


class Wake:
    """A bell for this process, rung through Redis for the others. Open it with `async with`."""

    def __init__(self, url: str | None) -> None:
        self._url = url
        self._bell = asyncio.Event()
        self._ears: asyncio.Task[None] | None = None
        self._redis: Redis | None = None

    async def __aenter__(self) -> "Wake":
        if self._url:
            self._redis = Redis.from_url(
                self._url,
                socket_timeout=TIMEOUT_S,
                socket_connect_timeout=TIMEOUT_S,
                driver_info=DRIVER,
            )
            self._ears = asyncio.create_task(self._listen(self._url), name="wake")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._ears:
            self._ears.cancel()
            await asyncio.wait([self._ears])
        if self._redis:
            await self._redis.aclose()

    async def ring(self) -> None:
        """Wake everybody who waits."""
        self._bell.set()
        if self._redis:
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    await self._redis.publish(CHANNEL, b"")
            except (RedisError, OSError):
                return

    async def wait(self, seconds: float) -> None:
        """Return when rung, or after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._bell.wait()
        except TimeoutError:
            return
        self._bell.clear()

    async def _listen(self, url: str) -> None:
        while True:
            try:
                redis = Redis.from_url(
                    url,
                    socket_timeout=None,
                    socket_connect_timeout=TIMEOUT_S,
                    driver_info=DRIVER,
                )
                async with redis, redis.pubsub() as ears:
                    await ears.subscribe(CHANNEL)
                    async for _ in ears.listen():
                        self._bell.set()
            except (RedisError, OSError):
                await asyncio.sleep(TIMEOUT_S)
