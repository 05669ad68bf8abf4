"""How many WebSocket connections there may be, and how many frames one may send."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

from ai_core.errors import TooManyConnections, TooManyFrames

UNAUTHENTICATED_PER_ADDRESS = 32
FRAMES_AT_ONCE = 40
FRAMES_PER_S = 4.0
RETRY_S = 10.0


class ConnectionLimits:
    """The open connections of this process."""

    def __init__(self, *, most: int, per_visitor: int) -> None:
        self._most = most
        self._per_visitor = per_visitor
        self._callers: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()
        self.open = 0

    @contextmanager
    def connection(self) -> Iterator[None]:
        """Count a connection while it lasts. Raises TooManyConnections."""
        if self.open >= self._most:
            raise TooManyConnections(retry_after_s=RETRY_S)
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1

    @contextmanager
    def unauthenticated(self, address: str) -> Iterator[None]:
        """Count a connection that has not shown its key. Raises TooManyConnections."""
        with _counted(self._waiting, _network(address), UNAUTHENTICATED_PER_ADDRESS):
            yield

    @contextmanager
    def of_caller(self, subject: str, *, visitor: bool) -> Iterator[None]:
        """Count a connection of a caller; only visitors of a page are limited.

        Raises TooManyConnections.
        """
        with _counted(self._callers, subject, self._per_visitor if visitor else self._most):
            yield


class FrameRate:
    """A token bucket: FRAMES_AT_ONCE at once, FRAMES_PER_S in the long run."""

    def __init__(self) -> None:
        self._left = float(FRAMES_AT_ONCE)
        self._counted_s = time.monotonic()

    def count(self) -> None:
        """Count a frame. Raises TooManyFrames."""
        now_s = time.monotonic()
        earned = (now_s - self._counted_s) * FRAMES_PER_S
        self._left = min(FRAMES_AT_ONCE, self._left + earned) - 1.0
        self._counted_s = now_s
        if self._left < 0.0:
            raise TooManyFrames(retry_after_s=-self._left / FRAMES_PER_S)


@contextmanager
def _counted(counts: Counter[str], name: str, most: int) -> Iterator[None]:
    if counts[name] >= most:
        raise TooManyConnections(retry_after_s=RETRY_S)
    counts[name] += 1
    try:
        yield
    finally:
        counts[name] -= 1
        if not counts[name]:
            del counts[name]


def _network(address: str) -> str:
    """Return an address, or the /64 of an IPv6 one: a home or a phone gets one (RFC 6177)."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return ""
    return address if parsed.version == 4 else parsed.packed[:8].hex()
