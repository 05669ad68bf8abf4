"""The line before a process's slots: whoever would wait too long is refused, and told for how long.

A slot is held for as long as all that are held together need, so the time to an answer is that of
holding one and of waiting for it. Both are foreseen from how long the latest were held.
"""

import asyncio

from ai_core.errors import QueueFull

LONGEST_S = 5.0
"""Who would be answered later is refused, and nobody waits longer for a slot. Who comes back after
`Retry-After` is answered sooner than behind a crowd that has given up meanwhile."""
LONGEST_WAIT_S = 2.0
"""Who would wait longer for a slot is refused before a word is read, since what a slot is for takes
milliseconds: to read a question, and to give an answer from the cache."""
ALWAYS = 8
"""While fewer slots are held nobody is refused: a slow request or two is no crowd."""
NEW_SHARE = 0.1
"""Share of the latest request in the mean."""


class ProcessingLine:
    """So many slots, first come first served."""

    def __init__(
        self,
        slots: int,
        *,
        longest_s: float = LONGEST_S,
        longest_wait_s: float = LONGEST_WAIT_S,
    ) -> None:
        self._slots = slots
        self._longest_s = longest_s
        self._longest_wait_s = longest_wait_s
        self._free = asyncio.Semaphore(slots)
        self._waiting = 0
        self._held = 0
        self._measured = 0
        self._mean_held_s = 0.0

    @property
    def full(self) -> bool:
        """Whether no slot is free."""
        return self._free.locked()

    async def acquire(self) -> None:
        """Wait for a slot. Raises QueueFull where the answer would come too late."""
        late = self.expected_s() > self._longest_s or self._wait_s() > self._longest_wait_s
        if self._held >= ALWAYS and late:
            raise self._full()
        self._waiting += 1
        try:
            async with asyncio.timeout(self._longest_s):
                await self._free.acquire()
        except TimeoutError:
            raise self._full() from None
        finally:
            self._waiting -= 1
        self._held += 1

    def release(self, held_s: float) -> None:
        """Free a slot that was held for so long."""
        self._measured += 1
        self._mean_held_s += max(NEW_SHARE, 1 / self._measured) * (held_s - self._mean_held_s)
        self._held -= 1
        self._free.release()

    def expected_s(self) -> float:
        """Return how long a newcomer would wait for a slot and hold it."""
        return self._mean_held_s + self._wait_s()

    def _wait_s(self) -> float:
        if not self._free.locked():
            return 0.0
        return (self._waiting + 1) * self._mean_held_s / self._slots

    def _full(self) -> QueueFull:
        expected_s = max(self.expected_s(), self._longest_s)
        return QueueFull("too many requests are under way", retry_after_s=expected_s)
