"""Places at ai_core: so many questions at once per worker, the others wait in order and know it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from telegram_service.errors import MailboxLost
from telegram_service.state.waitlist import Waitlist

Place = Callable[[], Awaitable[int]]
Tell = Callable[[Place | None], None]


class Slots:
    """A semaphore whose waiters can tell their place among all that wait, in every worker."""

    def __init__(self, size: int, waitlist: Waitlist) -> None:
        self._free = size
        self._waitlist = waitlist
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._number = 0

    @asynccontextmanager
    async def one(self, update_id: int, tell: Tell) -> AsyncIterator[None]:
        """Hold a slot; while waiting, `tell` has been given how to ask for the place, then None."""
        if self._free > 0 and not self._waiting:
            self._free -= 1
        else:
            await self._wait(update_id, tell)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, update_id: int, tell: Tell) -> None:
        self._number += 1
        mine = self._number
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[mine] = turn
        tell(lambda: self._waitlist.place(update_id))
        try:
            with suppress(MailboxLost):  # the place is for people to see; the order is kept here
                await self._waitlist.place(update_id)
            await turn
        except asyncio.CancelledError:
            if self._waiting.pop(mine, None) is None:  # it was given to us as we left
                self._pass_on()
            raise
        finally:
            tell(None)
            with suppress(MailboxLost):
                await self._waitlist.leave(update_id)

    def _pass_on(self) -> None:
        while self._waiting:
            turn = self._waiting.pop(min(self._waiting))
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
