"""The rate-limit algorithm: sliding windows counted in slots.

lua/admit.lua holds the same rule for Redis; a test gives both the same usage and compares what
they decide.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

BUSY_WAIT_MS = 1_000
"""When a concurrency slot will be free is not known: retry after this long."""


class Window(NamedTuple):
    """A sliding window counted in `slots` slots of `slot_ms`.

    A slot counts until all of it is older than the window, which takes one slot more than the
    window has: no span as long as the window ever holds more than the limit.
    """

    name: str
    slot_ms: int
    slots: int

    @property
    def span_s(self) -> int:
        """Length of the window."""
        return self.slot_ms * self.slots // 1_000

    @property
    def kept_ms(self) -> int:
        """How long a slot may count."""
        return self.slot_ms * (self.slots + 1)

    def total(self, used: dict[int, int], now_ms: int) -> int:
        """Drop expired slots; return the sum of the others."""
        oldest = now_ms // self.slot_ms - self.slots
        while used and (past := next(iter(used))) < oldest:
            del used[past]
        return sum(used.values())

    def wait_ms(self, used: dict[int, int], now_ms: int, excess: int) -> int:
        """Return the time until at least `excess` of the usage has expired."""
        slots = iter(used.items())
        past = 0
        while excess > 0:
            past, amount = next(slots)
            excess -= amount
        return (past + self.slots + 1) * self.slot_ms - now_ms


class Charge(NamedTuple):
    """Cost of a request in a window, at most its limit, so that it fits an empty window."""

    window: Window
    limit: int
    cost: int

    def share_of(self, processes: int) -> "Charge":
        """Return the charge in one process's share of the limit."""
        limit = max(1, self.limit // processes)
        return Charge(self.window, limit, min(self.cost, limit))


Usage: TypeAlias = dict[Window, dict[int, int]]
"""What a caller used: amounts by slot, oldest first."""


class Verdict(NamedTuple):
    """Which limit refuses a request (a window, or "concurrent"), its wait, the rest of each."""

    refused: str | None
    wait_ms: int
    left: list[int]


def decide(usage: Usage, charges: Sequence[Charge], now_ms: int, *, busy: bool) -> Verdict:
    """Decide on a request without counting it; of several refusals the longest wait is returned.

    `busy`: the caller has no free concurrency slot.
    """
    refused, longest_ms, left = None, 0, []
    for window, limit, cost in charges:
        used = usage.setdefault(window, {})
        total = window.total(used, now_ms)
        left.append(max(limit - total, 0))
        if cost and total + cost > limit:
            wait_ms = window.wait_ms(used, now_ms, total + cost - limit)
            if wait_ms > longest_ms:
                refused, longest_ms = window.name, wait_ms
    if refused is None and busy:
        refused, longest_ms = "concurrent", BUSY_WAIT_MS
    if refused is None:
        left = [rest - charge.cost for rest, charge in zip(left, charges, strict=True)]
    return Verdict(refused, longest_ms, left)


def count(usage: Usage, window: Window, at_ms: int, amount: int) -> None:
    """Count an amount; a negative one refunds what has not expired."""
    used, slot = usage.setdefault(window, {}), at_ms // window.slot_ms
    if slot in used or amount > 0:
        used[slot] = used.get(slot, 0) + amount
