"""Waiting for the state of the models to change, without a lock."""

import asyncio


class ChangeNotifier:
    """Wakes every task that waits for a change; each then checks its own condition again.

    An `asyncio.Condition` would do the same, but only a task that holds its lock may notify, and
    transitions happen in callbacks.
    """

    def __init__(self) -> None:
        self._next = asyncio.Event()

    async def wait(self) -> None:
        """Wait for the next change."""
        await self._next.wait()

    def notify(self) -> None:
        """Wake all waiting tasks."""
        changed, self._next = self._next, asyncio.Event()
        changed.set()
