"""Places at ai_core: so many questions at once per worker, the others wait in order and know it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class Slots:
    """A semaphore whose waiters can tell how many are before them."""

    def __init__(self, size: int) -> None:
        self._free = size
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._number = 0

    @asynccontextmanager
    async def one(self, tell: Callable[[Callable[[], int]], None]) -> AsyncIterator[None]:
        """Hold a slot; while waiting, `tell` has been given how to ask for the place in line."""
        if self._free > 0 and not self._waiting:
            self._free -= 1
        else:
            await self._wait(tell)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, tell: Callable[[Callable[[], int]], None]) -> None:
        self._number += 1
        mine = self._number
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[mine] = turn
        tell(lambda: 1 + sum(number < mine for number in self._waiting))
        try:
            await turn
        except asyncio.CancelledError:
            if self._waiting.pop(mine, None) is None:  # it was given to us as we left
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        while self._waiting:
            turn = self._waiting.pop(min(self._waiting))
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
