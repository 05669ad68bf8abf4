"""Measured prefill and decode speeds of a model, and the expected length of its answers.

The averages are over the latest answers and not stored across restarts: the machine may be another
one. Until an answer has ended, nothing is estimated.
"""

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass

LATEST_SHARE = 0.1
"""Weight of the latest answer in the moving averages: about the last twenty decide them."""
LENGTHS_KEPT = 64


@dataclass(frozen=True, slots=True)
class Size:
    """Size of a job: the tokens of its prompt, and the most it may generate."""

    prompt_tokens: int
    new_tokens: int


class TokenLatency:
    """Seconds per token, averaged over the tokens of the latest answers."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._tokens = 0.0

    def record(self, seconds: float, tokens: int) -> None:
        """Add one answer; one without time or without tokens is left out."""
        if seconds <= 0 or tokens <= 0:
            return
        self._seconds += LATEST_SHARE * (seconds - self._seconds)
        self._tokens += LATEST_SHARE * (tokens - self._tokens)

    @property
    def seconds_per_token(self) -> float | None:
        """Return the latency, None before the first answer."""
        return self._seconds / self._tokens if self._tokens else None


class AnswerLengths:
    """Expected length of answers in tokens, from a sample where some were cut at their limit.

    An answer cut at its limit says only that it would have been longer, so the mean is taken under
    the survival curve of the latest answers (Kaplan and Meier, "Nonparametric Estimation from
    Incomplete Observations", JASA 53, 1958).
    """

    def __init__(self) -> None:
        self._latest: deque[tuple[int, bool]] = deque(maxlen=LENGTHS_KEPT)
        self._at: list[int] = [0]
        self._area: list[float] = [0.0]
        self._surviving: list[float] = [1.0]

    def record(self, tokens: int, *, cut: bool) -> None:
        """Add one answer; `cut` when its limit ended it."""
        self._latest.append((tokens, cut))
        self._at, self._area, self._surviving = [0], [0.0], [1.0]
        for past, (length, censored) in enumerate(sorted(self._latest)):
            surviving = self._surviving[-1]
            self._area.append(self._area[-1] + surviving * (length - self._at[-1]))
            self._at.append(length)
            left = len(self._latest) - past
            self._surviving.append(surviving if censored else surviving * (1 - 1 / left))

    def expected(self, limit: int) -> float:
        """Return the mean number of tokens of an answer of at most `limit`."""
        step = bisect_left(self._at, limit, 1) - 1
        return self._area[step] + self._surviving[step] * (limit - self._at[step])

    def expected_more(self, written: int, limit: int) -> float:
        """Return the mean number of tokens that follow the first `written`; at least one."""
        step = bisect_left(self._at, written + 1, 1) - 1
        surviving = self._surviving[step]
        if written >= limit or surviving <= 0:
            return 1.0
        return max(1.0, (self.expected(limit) - self.expected(written)) / surviving)


class Speeds:
    """Measured speeds of one model on this machine: `prefill` of prompts, `decode` of answers."""

    def __init__(self) -> None:
        self.prefill = TokenLatency()
        self.decode = TokenLatency()
        self.lengths = AnswerLengths()

    @property
    def known(self) -> bool:
        """Whether anything was measured yet."""
        return self.prefill.seconds_per_token is not None

    def expected_tokens(self, size: Size) -> float:
        """Return the tokens a job is expected to take, its prompt's among them."""
        return size.prompt_tokens + self.lengths.expected(size.new_tokens)

    def service_s(self, size: Size) -> float | None:
        """Return the seconds from a job's slot to its last token; None while nothing is known."""
        return self._prefill_s(size) + self._decode_s(size) if self.known else None

    def remaining_s(self, size: Size, written: int, since_started_s: float) -> float:
        """Return the seconds a job still takes that has `written` tokens; 0 if nothing is known."""
        if written:
            more = self.lengths.expected_more(written, size.new_tokens)
            return more * (self.decode.seconds_per_token or 0.0)
        return max(0.0, self._prefill_s(size) - since_started_s) + self._decode_s(size)

    def _prefill_s(self, size: Size) -> float:
        return size.prompt_tokens * (self.prefill.seconds_per_token or 0.0)

    def _decode_s(self, size: Size) -> float:
        new_tokens = self.lengths.expected(size.new_tokens)
        return new_tokens * (self.decode.seconds_per_token or 0.0)
