"""Clocks: the system's, and one for tests that moves only when it is set."""

import time
from datetime import UTC, date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")


class Clock(Protocol):
    """Source of dates and durations."""

    def now(self) -> datetime:
        """Return the moment, in UTC."""
        ...

    def today(self) -> date:
        """Return the day in Paris, where the law is in force."""
        ...

    def elapsed_s(self) -> float:
        """Return seconds that never run backwards, from an arbitrary start."""
        ...


class SystemClock:
    """The system clock."""

    def now(self) -> datetime:
        """Return the moment, in UTC."""
        return datetime.now(UTC)

    def today(self) -> date:
        """Return the day in Paris."""
        return datetime.now(PARIS).date()

    def elapsed_s(self) -> float:
        """Return monotonic seconds."""
        return time.monotonic()


class StoppedClock:
    """A clock for tests: it moves only when it is set."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment
        self._start = moment

    def now(self) -> datetime:
        """Return the moment it was set to."""
        return self._moment

    def today(self) -> date:
        """Return that moment's day in Paris."""
        return self._moment.astimezone(PARIS).date()

    def elapsed_s(self) -> float:
        """Return the seconds it was moved by."""
        return (self._moment - self._start).total_seconds()

    def set(self, moment: datetime) -> None:
        """Move to `moment`."""
        self._moment = moment
