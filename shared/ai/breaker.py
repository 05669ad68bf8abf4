"""A circuit breaker: after several consecutive failures it opens for a while, then lets one trial
call through. Its user reports successes and failures; it does no I/O itself.
"""

from shared.clock import Clock


class Breaker:
    """Closed: calls pass. Open: calls are refused for `pause_s`. Half-open: one trial."""

    def __init__(self, clock: Clock, *, failures: int = 5, pause_s: float = 10.0) -> None:
        self._clock = clock
        self._limit = failures
        self._pause_s = pause_s
        self._failures = 0
        self._open_until_s = 0.0

    @property
    def is_open(self) -> bool:
        """Whether a call would be refused now."""
        return self._failures >= self._limit and self._clock.elapsed_s() < self._open_until_s

    @property
    def failing(self) -> bool:
        """Whether the latest call failed."""
        return self._failures > 0

    def enter(self) -> float:
        """Return the seconds until a call may pass: 0 while closed, and once after the pause."""
        if self._failures < self._limit:
            return 0.0
        left_s = self._open_until_s - self._clock.elapsed_s()
        if left_s <= 0:
            self._open_until_s = self._clock.elapsed_s() + self._pause_s
        return max(0.0, left_s)

    def succeeded(self) -> None:
        """Record a success: close the breaker."""
        self._failures = 0

    def failed(self) -> None:
        """Record a failure; the last one allowed opens the breaker."""
        self._failures += 1
        if self._failures >= self._limit:
            self._open_until_s = self._clock.elapsed_s() + self._pause_s
