"""The rule of the rate limits: what counts in a sliding window, and whether a request fits.

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
        """Its length."""
        return self.slot_ms * self.slots // 1_000

    @property
    def kept_ms(self) -> int:
        """How long what was used may count."""
        return self.slot_ms * (self.slots + 1)

    def total(self, used: dict[int, int], now_ms: int) -> int:
        """Forget the slots that no longer count; return the sum of the others."""
        oldest = now_ms // self.slot_ms - self.slots
        while used and (past := next(iter(used))) < oldest:
            del used[past]
        return sum(used.values())

    def wait_ms(self, used: dict[int, int], now_ms: int, excess: int) -> int:
        """Return how long until at least `excess` of what is used no longer counts."""
        slots = iter(used.items())
        past = 0
        while excess > 0:
            past, amount = next(slots)
            excess -= amount
        return (past + self.slots + 1) * self.slot_ms - now_ms


class Charge(NamedTuple):
    """What a request costs in a window; at most its limit, so that it fits an empty one."""

    window: Window
    limit: int
    cost: int


Usage: TypeAlias = dict[Window, dict[int, int]]
"""What a caller used: amounts by slot, oldest first."""


class Verdict(NamedTuple):
    """What refuses a request (a window's name, or "concurrent"), its wait, what is left of each."""

    refused: str | None
    wait_ms: int
    left: list[int]


def decide(usage: Usage, charges: Sequence[Charge], now_ms: int, *, busy: bool) -> Verdict:
    """Decide on a request, without counting it; of several refusals the longest is returned.

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
    """Count an amount; a negative one gives back what still counts."""
    used, slot = usage.setdefault(window, {}), at_ms // window.slot_ms
    if slot in used or amount > 0:
        used[slot] = used.get(slot, 0) + amount
