"""The line of the answers that code writes: few at once, one caller after the other.

An answer without a model costs a processor for tens of milliseconds. Written all together each
would take as long as all of them, and a caller who asks much would hold up every other; so they are
written in turn, first come first served among the answers of one caller and round robin among the
callers (J. Nagle, "On Packet Switches with Infinite Storage", RFC 970, section 4). Whoever would
wait too long is refused at once, with the time; the scheduler does the same for a model's answers.
"""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ai_core.errors import QueueFull

AT_ONCE = 2
"""Answers written at once: while the library's thread reads for one, another is composed."""
FORESEEN_S = 3.0
"""Whose answer is foreseen later than that is refused at once."""
LONGEST_S = 5.0
"""Nobody waits longer, though nothing foretold it. The more it is above, the fewer wait in vain."""
NEW_SHARE = 0.1
"""Share of the latest answer in the mean."""

_Waiting = deque["asyncio.Future[None]"]


class AnswerLine:
    """So many turns at once, fair between callers."""

    def __init__(
        self,
        at_once: int = AT_ONCE,
        *,
        foreseen_s: float = FORESEEN_S,
        longest_s: float = LONGEST_S,
    ) -> None:
        self._free = at_once
        self._at_once = at_once
        self._foreseen_s = foreseen_s
        self._longest_s = longest_s
        self._mean_turn_s = 0.0
        self._callers: OrderedDict[str, _Waiting] = OrderedDict()
        """Who waits, in the order in which their next turns come."""

    @asynccontextmanager
    async def turn(self, caller: str) -> AsyncIterator[None]:
        """Hold a turn from when it comes. Raises QueueFull where it would come too late."""
        await self._wait(caller)
        began_s = time.monotonic()
        try:
            yield
        finally:
            self._measure(time.monotonic() - began_s)
            self._pass_on()

    def raise_if_full(self, caller: str) -> None:
        """Raise QueueFull where the turn of this caller would come too late."""
        if self._callers and self.expected_s(caller) > self._foreseen_s:
            raise self._full(caller)

    @property
    def waiting(self) -> int:
        """How many answers wait for their turn."""
        return sum(map(len, self._callers.values()))

    def expected_s(self, caller: str) -> float:
        """Return how long the next answer of a caller would take, with its wait.

        Before it come all of the caller's own that wait, and as many of each other one.
        """
        if self._free:
            return self._mean_turn_s
        rounds = len(self._callers.get(caller, ())) + 1
        others = (queue for name, queue in self._callers.items() if name != caller)
        ahead = rounds - 1 + sum(min(len(queue), rounds) for queue in others)
        return self._mean_turn_s * (1 + (ahead + 1) / self._at_once)

    async def _wait(self, caller: str) -> None:
        if self._free:
            self._free -= 1
            return
        self.raise_if_full(caller)
        came: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._callers.setdefault(caller, deque()).append(came)
        try:
            async with asyncio.timeout(self._longest_s):
                await came
        except BaseException as error:
            if came.done() and not came.cancelled():
                self._pass_on()
            else:
                self._leave(caller, came)
            if isinstance(error, TimeoutError):
                raise self._full(caller) from None
            raise

    def _pass_on(self) -> None:
        """Give a turn that ended to the next caller."""
        while self._callers:
            caller, queue = self._callers.popitem(last=False)
            came = queue.popleft()
            if queue:
                self._callers[caller] = queue  # behind all others
            if not came.done():
                came.set_result(None)
                return
        self._free += 1

    def _leave(self, caller: str, came: "asyncio.Future[None]") -> None:
        queue = self._callers.get(caller)
        if queue and came in queue:
            queue.remove(came)
        if queue is not None and not queue:
            del self._callers[caller]

    def _measure(self, turn_s: float) -> None:
        before_s = self._mean_turn_s or turn_s
        self._mean_turn_s = before_s + NEW_SHARE * (turn_s - before_s)

    def _full(self, caller: str) -> QueueFull:
        wait_s = max(self.expected_s(caller), self._foreseen_s)
        return QueueFull("too many questions are being answered", retry_after_s=wait_s)
