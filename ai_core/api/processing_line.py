"""The line before a process's slots: whoever would wait too long is refused, and told for how long.

A slot is held for as long as all that are held together need, so the time to an answer is that of
holding one and of waiting for it. Both are foreseen from how long the latest were held.
"""

import asyncio

from ai_core.errors import QueueFull

LONGEST_S = 5.0
"""Who would be answered later is refused, and nobody waits longer for a slot. Who comes back after
`Retry-After` is answered sooner than behind a crowd that has given up meanwhile."""
ALWAYS = 8
"""While fewer slots are held nobody is refused: a slow request or two is no crowd."""
NEW_SHARE = 0.1
"""Share of the latest request in the mean."""


class ProcessingLine:
    """So many slots, first come first served."""

    def __init__(self, slots: int, *, longest_s: float = LONGEST_S) -> None:
        self._slots = slots
        self._longest_s = longest_s
        self._free = asyncio.Semaphore(slots)
        self._waiting = 0
        self._held = 0
        self._mean_held_s = 0.0

    async def acquire(self) -> None:
        """Wait for a slot. Raises QueueFull where the answer would come too late."""
        if self._held >= ALWAYS and self.expected_s() > self._longest_s:
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
        self._mean_held_s += NEW_SHARE * (held_s - self._mean_held_s)
        self._held -= 1
        self._free.release()

    def expected_s(self) -> float:
        """Return how long a newcomer would wait for a slot and hold it."""
        wait_s = (self._waiting + 1) * self._mean_held_s / self._slots
        return self._mean_held_s + (wait_s if self._free.locked() else 0.0)

    def _full(self) -> QueueFull:
        expected_s = max(self.expected_s(), self._longest_s)
        return QueueFull("too many requests are under way", retry_after_s=expected_s)
