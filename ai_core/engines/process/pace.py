"""How fast a model reads and writes, from what its steps took."""

from dataclasses import dataclass

MEMORY_S = 30.0
"""Seconds of work after which a measurement counts half."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens per second, all answers together; 0 while nothing was measured.

    `reading` is of prompts, without what was in memory already; `writing` of answers, measured
    while no prompt was being read.
    """

    reading: float
    writing: float


class Pace:
    """Counts tokens and seconds of work; older ones fade."""

    def __init__(self) -> None:
        self._reading = _Rate()
        self._writing = _Rate()

    def read(self, tokens: int, seconds: float) -> None:
        """Add tokens of prompts that were read, and seconds spent reading."""
        self._reading.add(tokens, seconds)

    def wrote(self, tokens: int, seconds: float) -> None:
        """Add tokens that were written, and seconds spent writing."""
        self._writing.add(tokens, seconds)

    @property
    def speed(self) -> Speed:
        """The speeds as measured so far."""
        return Speed(self._reading.per_s, self._writing.per_s)


class _Rate:
    def __init__(self) -> None:
        self._tokens = 0.0
        self._seconds = 0.0

    def add(self, tokens: int, seconds: float) -> None:
        kept = 0.5 ** (seconds / MEMORY_S)
        self._tokens = self._tokens * kept + tokens
        self._seconds = self._seconds * kept + seconds

    @property
    def per_s(self) -> float:
        return self._tokens / self._seconds if self._seconds else 0.0
