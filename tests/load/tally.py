"""What came back in each second of a load test.

The process of the clients fills a `Second` and writes it as a line of JSON; whoever started it
reads the line.
"""

import json
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Second:
    """The requests that ended in one second."""

    at_s: float = 0.0
    """When it began, on the clock of `time.monotonic`."""
    users: int = 0
    answered_ms: list[float] = field(default_factory=list)
    """Until the last byte, of each request that was answered as asked."""
    refused_ms: list[float] = field(default_factory=list)
    """Of each honest refusal: 503 or 429 with Retry-After."""
    retry_after_s: list[int] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)
    """Everything else, by what it was."""
    refusals: Counter[str] = field(default_factory=Counter)
    """The honest refusals by error code."""
    cpu_s: float = 0.0
    """Processor time of the clients' process in this second."""

    @property
    def requests(self) -> int:
        """Return how many ended."""
        return len(self.answered_ms) + len(self.refused_ms) + self.failed.total()

    @property
    def unavailable(self) -> int:
        """Return how many ended with a 5xx or a broken connection; an honest 503 is one."""
        return self.failed.total() + sum(
            count for code, count in self.refusals.items() if code.startswith("503")
        )

    def line(self) -> str:
        """Return it as JSON."""
        return json.dumps(vars(self))

    @classmethod
    def read(cls, line: str) -> "Second":
        """Return what a line tells."""
        told = json.loads(line)
        counters = {name: Counter(told[name]) for name in ("failed", "refusals")}
        return cls(**told | counters)
