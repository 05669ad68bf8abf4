"""A circuit breaker: after several failures in a row, stop asking for a while, then ask once.

It counts what its user tells it; it knows nothing of the network.
"""

from shared.clock import Clock


class Breaker:
    """Closed: calls pass. Open: they are refused for `pause_s`. Then one call tries for all."""

    def __init__(self, clock: Clock, *, failures: int = 5, pause_s: float = 10.0) -> None:
        self._clock = clock
        self._limit = failures
        self._pause_s = pause_s
        self._failures = 0
        self._open_until_s = 0.0

    @property
    def is_open(self) -> bool:
        """Tell whether a call would be refused now."""
        return self._failures >= self._limit and self._clock.elapsed_s() < self._open_until_s

    @property
    def failing(self) -> bool:
        """Tell whether the latest call failed."""
        return self._failures > 0

    def enter(self) -> float:
        """Return how many seconds to stay away: 0 while closed, and once when the pause is over."""
        if self._failures < self._limit:
            return 0.0
        left_s = self._open_until_s - self._clock.elapsed_s()
        if left_s <= 0:
            self._open_until_s = self._clock.elapsed_s() + self._pause_s
        return max(0.0, left_s)

    def succeeded(self) -> None:
        """Close it: the other side answers."""
        self._failures = 0

    def failed(self) -> None:
        """Count a failure of the other side; the last one allowed opens it."""
        self._failures += 1
        if self._failures >= self._limit:
            self._open_until_s = self._clock.elapsed_s() + self._pause_s
