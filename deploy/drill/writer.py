"""Writes numbers one by one, in a thread, and notes which were acknowledged and when."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

PAUSE_S = 0.01
PATIENCE_S = 90.0


class DrillFailed(Exception):
    """A part of the drill did not come to its end."""


@dataclass
class Writer:
    """Calls `write(number)` from 1 on, again and again with the same number while it fails.

    `write` raises one of `lost` when the store does not answer; a number is acknowledged once it
    returns.
    """

    write: Callable[[int], None]
    lost: tuple[type[Exception], ...]
    acknowledged: list[float] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to write."""
        self._thread = threading.Thread(target=self._run, name="drill's writer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop, and wait for the write under way."""
        self._stopping.set()
        if self._thread:
            self._thread.join(PATIENCE_S)

    def wait_for(self, count: int) -> None:
        """Wait until so many numbers are acknowledged. Raises DrillFailed."""
        until(lambda: len(self.acknowledged) >= count, f"{count} acknowledged writes")

    def first_after(self, moment_s: float) -> float:
        """Wait for a write that is acknowledged after a time (monotonic); return the seconds."""

        def later() -> float | None:
            return next((at for at in reversed(self.acknowledged) if at > moment_s), None)

        until(lambda: later() is not None, "a write after the failure")
        return next(at for at in self.acknowledged if at > moment_s) - moment_s

    def _run(self) -> None:
        number = 1
        while not self._stopping.is_set():
            try:
                self.write(number)
            except self.lost:
                self._stopping.wait(PAUSE_S)
                continue
            self.acknowledged.append(time.monotonic())
            number += 1


def until(true: Callable[[], bool], what: str) -> None:
    """Wait until something is so. Raises DrillFailed."""
    give_up_s = time.monotonic() + PATIENCE_S
    while not true():
        if time.monotonic() > give_up_s:
            raise DrillFailed(f"no {what} within {PATIENCE_S:.0f} s")
        time.sleep(PAUSE_S)
