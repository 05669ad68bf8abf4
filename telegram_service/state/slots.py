"""Concurrent questions to ai_core: a few per worker, the others wait in order and can see where."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from telegram_service.errors import RedisUnavailable
from telegram_service.state.waitlist import Waitlist

PositionReader = Callable[[], Awaitable[int]]
"""Returns the position in the queue at the moment of the call, from 1."""


class Slots:
    """A semaphore whose waiters can read their position among all that wait, in every worker."""

    def __init__(self, size: int, waitlist: Waitlist) -> None:
        self._free = size
        self._waitlist = waitlist
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._number = 0

    @asynccontextmanager
    async def acquire(
        self, update_id: int, on_wait: Callable[[PositionReader | None], None]
    ) -> AsyncIterator[None]:
        """Hold a slot. `on_wait` gets a reader of the position when waiting starts, None after."""
        if self._free > 0 and not self._waiting:
            self._free -= 1
        else:
            await self._wait(update_id, on_wait)
        try:
            yield
        finally:
            self._release()

    async def _wait(self, update_id: int, on_wait: Callable[[PositionReader | None], None]) -> None:
        self._number += 1
        mine = self._number
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[mine] = granted
        on_wait(lambda: self._waitlist.position(update_id))
        try:
            with suppress(RedisUnavailable):  # only shown to people; the order is kept here
                await self._waitlist.position(update_id)
            await granted
        except asyncio.CancelledError:
            if self._waiting.pop(mine, None) is None:  # granted in the moment of cancellation
                self._release()
            raise
        finally:
            on_wait(None)
            with suppress(RedisUnavailable):
                await self._waitlist.leave(update_id)

    def _release(self) -> None:
        while self._waiting:
            granted = self._waiting.pop(min(self._waiting))
            if not granted.done():
                granted.set_result(None)
                return
        self._free += 1
