"""What `./neo` shows while it works: lines, and on a terminal one that moves."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

TICK_S = 0.5
WIDTH = 78
ERASE_LINE = "\r\x1b[K"


def say(line: str) -> None:
    """Show a line."""
    sys.stderr.write(f"neo: {line}\n")
    sys.stderr.flush()


def since(started: float) -> str:
    """Return the seconds since `started` (time.monotonic), for people."""
    return f"{time.monotonic() - started:.1f} s"


@contextmanager
def progress(title: str, *, after_s: float = 0.0) -> Iterator[Callable[[str], None]]:
    """Show `title`, on a terminal with the seconds passed and what was last told to the function
    that is yielded. What is done within `after_s` leaves no trace.
    """
    if not sys.stderr.isatty():
        if not after_s:
            say(f"{title} …")
        yield lambda _detail: None
        return
    line = MovingLine(title, after_s)
    thread = threading.Thread(target=line.move, daemon=True)
    thread.start()
    try:
        yield line.tell
    finally:
        line.ended.set()
        thread.join()
        if not after_s:
            say(f"{title} … {since(line.started)}")


class MovingLine:
    """One line of a terminal, written again and again."""

    def __init__(self, title: str, after_s: float) -> None:
        self.title = title
        self._after_s = after_s
        self.started = time.monotonic()
        self.ended = threading.Event()
        self._detail = ""

    def tell(self, detail: str) -> None:
        """Show this from the next tick on."""
        self._detail = detail

    def move(self) -> None:
        """Write the line until it ended, then erase it."""
        if self.ended.wait(self._after_s):
            return
        while not self.ended.wait(TICK_S):
            text = f"neo: {self.title} … {since(self.started)}  {self._detail}"
            sys.stderr.write(f"{ERASE_LINE}{text[:WIDTH]}")
            sys.stderr.flush()
        sys.stderr.write(ERASE_LINE)
