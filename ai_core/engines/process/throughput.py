"""Prompt and generation throughput of a model, as an average that fades with time."""

from dataclasses import dataclass

HALF_LIFE_S = 30.0
"""Seconds of work after which a measurement counts half."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """Tokens per second over all concurrent answers; 0 while nothing was measured.

    `prefill` is of prompt tokens computed, without those that were cached; `decode` of tokens
    generated, measured only in steps that prefilled no prompt.
    """

    prefill: float
    decode: float


class ThroughputMeter:
    """Counts tokens and seconds of work with exponential decay (half-life `HALF_LIFE_S`)."""

    def __init__(self) -> None:
        self._prefill = _DecayingRate()
        self._decode = _DecayingRate()

    def add_prefill(self, tokens: int, seconds: float) -> None:
        """Add prompt tokens computed and the seconds that took."""
        self._prefill.add(tokens, seconds)

    def add_decode(self, tokens: int, seconds: float) -> None:
        """Add tokens generated and the seconds that took."""
        self._decode.add(tokens, seconds)

    @property
    def throughput(self) -> Throughput:
        """The rates measured so far."""
        return Throughput(self._prefill.per_s, self._decode.per_s)


class _DecayingRate:
    def __init__(self) -> None:
        self._tokens = 0.0
        self._seconds = 0.0

    def add(self, tokens: int, seconds: float) -> None:
        kept = 0.5 ** (seconds / HALF_LIFE_S)
        self._tokens = self._tokens * kept + tokens
        self._seconds = self._seconds * kept + seconds

    @property
    def per_s(self) -> float:
        return self._tokens / self._seconds if self._seconds else 0.0
