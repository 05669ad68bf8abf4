"""How fast a model reads and writes here, and how long its answers are: learned from the latest.

Nothing is kept over a restart: the machine may be another one. Until an answer has ended, nothing
is predicted.
"""

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass

LATEST_SHARE = 0.1
"""How much the latest answer weighs in a speed: about the last twenty decide it."""
LENGTHS_KEPT = 64


@dataclass(frozen=True, slots=True)
class Size:
    """What an answer takes: the tokens of its prompt, and at most how many it may write."""

    prompt_tokens: int
    new_tokens: int


class Pace:
    """Seconds a token, averaged over the tokens of the latest answers."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._tokens = 0.0

    def learn(self, seconds: float, tokens: int) -> None:
        """Take what one answer took; nothing can be learned from no time or no token."""
        if seconds <= 0 or tokens <= 0:
            return
        self._seconds += LATEST_SHARE * (seconds - self._seconds)
        self._tokens += LATEST_SHARE * (tokens - self._tokens)

    @property
    def seconds_a_token(self) -> float | None:
        """Return the pace, or None before the first answer."""
        return self._seconds / self._tokens if self._tokens else None


class Lengths:
    """How long answers are when only some come to their own end.

    An answer cut at its limit says only that it would have been longer, so the mean is taken under
    the survival curve of the latest answers (Kaplan and Meier, "Nonparametric Estimation from
    Incomplete Observations", JASA 53, 1958).
    """

    def __init__(self) -> None:
        self._latest: deque[tuple[int, bool]] = deque(maxlen=LENGTHS_KEPT)
        self._at: list[int] = [0]
        self._area: list[float] = [0.0]
        self._surviving: list[float] = [1.0]

    def learn(self, tokens: int, *, cut: bool) -> None:
        """Take one answer's length; `cut` when its limit ended it."""
        self._latest.append((tokens, cut))
        self._at, self._area, self._surviving = [0], [0.0], [1.0]
        for past, (length, censored) in enumerate(sorted(self._latest)):
            surviving = self._surviving[-1]
            self._area.append(self._area[-1] + surviving * (length - self._at[-1]))
            self._at.append(length)
            left = len(self._latest) - past
            self._surviving.append(surviving if censored else surviving * (1 - 1 / left))

    def expected(self, limit: int) -> float:
        """Return how many tokens an answer of at most `limit` has in the mean."""
        step = bisect_left(self._at, limit, 1) - 1
        return self._area[step] + self._surviving[step] * (limit - self._at[step])

    def expected_more(self, written: int, limit: int) -> float:
        """Return how many tokens one that has `written` still writes in the mean; at least one."""
        step = bisect_left(self._at, written + 1, 1) - 1
        surviving = self._surviving[step]
        if written >= limit or surviving <= 0:
            return 1.0
        return max(1.0, (self.expected(limit) - self.expected(written)) / surviving)


class Speeds:
    """What is known of one model on this machine."""

    def __init__(self) -> None:
        self.reading = Pace()
        self.writing = Pace()
        self.lengths = Lengths()

    @property
    def known(self) -> bool:
        """Tell whether anything was measured yet."""
        return self.reading.seconds_a_token is not None

    def service_s(self, size: Size) -> float | None:
        """Return the seconds from a job's slot to its last piece; None while nothing is known."""
        if not self.known:
            return None
        writing = self.lengths.expected(size.new_tokens) * (self.writing.seconds_a_token or 0.0)
        return size.prompt_tokens * (self.reading.seconds_a_token or 0.0) + writing

    def charge(self, size: Size) -> float:
        """Return the tokens a job is expected to take."""
        return size.prompt_tokens + self.lengths.expected(size.new_tokens)

    def left_s(self, size: Size, written: int, since_begun_s: float) -> float | None:
        """Return the seconds a job still takes that has `written` tokens already."""
        if not self.known:
            return None
        pace_s = self.writing.seconds_a_token or 0.0
        if written:
            return self.lengths.expected_more(written, size.new_tokens) * pace_s
        reading_s = size.prompt_tokens * (self.reading.seconds_a_token or 0.0)
        writing_s = self.lengths.expected(size.new_tokens) * pace_s
        return max(0.0, reading_s - since_begun_s) + writing_s
