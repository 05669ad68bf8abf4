"""What one step computes: a row for each job that writes, then rows of prompts, within a bound.

llama.cpp reads the weights once for slots whose numbers follow one another in the batch, and once
more at every break. Some of its kernels are slow for two to seven rows (Q8_0 with one thread: 7 ms
for one row, 30 ms for two), so few rows may be quicker apart; which is quicker here is measured as
we go. Together, a short gap between two slots is filled with a row that is thrown away.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ai_core.engines.gguf_context import Rows

MOST_ROWS = 256
_LEAST_ROWS = 32
_STEP_S = 0.4
"""How long a step may take, hence how long a reader may wait."""
_PIECE_ROWS = 64
"""A prompt is not cut into less: fewer rows cost as much."""
_WIDEST_GAP = 4
_FILLER = 0
_MOST_APART = 8
_TRIES = 3
_TRY_AGAIN_STEPS = 500
_NEW = 0.3


class RowBudget:
    """How many rows a step may have, so that it takes no longer than a reader may wait.

    Speed is what the last steps with a good number of rows measured, in time on the cores: when
    others take them, smaller steps would only make it worse.
    """

    def __init__(self) -> None:
        self.rows = MOST_ROWS
        self._rows_per_s = 0.0

    def took(self, rows: int, core_s: float) -> None:
        """Take note of a step."""
        if rows < _LEAST_ROWS or core_s <= 0:
            return
        speed = rows / core_s
        known = self._rows_per_s
        self._rows_per_s = speed if not known else known + _NEW * (speed - known)
        fit = int(self._rows_per_s * _STEP_S) // 16 * 16
        self.rows = max(_LEAST_ROWS, min(MOST_ROWS, fit))


class Grouping:
    """Whether so many jobs that write are computed together or apart: whichever takes less.

    Both ways are tried a few times, and again after some hundred steps.
    """

    def __init__(self) -> None:
        self._took_s: dict[tuple[int, int, bool], float] = {}
        self._tries: dict[tuple[int, int, bool], int] = {}
        self._steps = 0

    def together(self, jobs: int, threads: int) -> bool:
        """Choose for a step of that many jobs."""
        if not 1 < jobs <= _MOST_APART:
            return True
        for way in (True, False):
            if self._tries.get((jobs, threads, way), 0) < _TRIES:
                return way
        return self._took_s[jobs, threads, True] <= self._took_s[jobs, threads, False]

    def took(self, jobs: int, threads: int, together: bool, ours_s: float) -> None:
        """Take note of a step in which nobody read: what it used of the cores."""
        key = jobs, threads, together
        known = self._took_s.get(key, ours_s)
        self._took_s[key] = min(ours_s, known + _NEW * (ours_s - known))
        self._tries[key] = self._tries.get(key, 0) + 1
        self._steps += 1
        if self._steps % _TRY_AGAIN_STEPS == 0:
            self._tries.clear()
            self._took_s.clear()


@dataclass(slots=True)
class RowPlan:
    """The rows of a step, how many each slot takes of its own, and the slots merely filled in."""

    rows: list[Rows] = field(default_factory=list)
    taken: dict[int, int] = field(default_factory=dict)
    filled: list[int] = field(default_factory=list)


def plan_rows(
    unread: Mapping[int, Sequence[int]],
    held: Sequence[int],
    *,
    context_tokens: int,
    budget: int,
    together: bool,
) -> RowPlan:
    """Lay out a step.

    `unread` has the tokens each running slot is to compute, first come first; `held` how many
    tokens every slot holds.
    """
    taken = _share(unread, budget)
    rows = [
        Rows(index, unread[index][:count], held[index], wanted=count == len(unread[index]))
        for index, count in sorted(taken.items(), reverse=not together)
    ]
    filled = _gaps(rows, held, context_tokens) if together else []
    rows += [Rows(index, (_FILLER,), held[index], wanted=False) for index in filled]
    if filled:
        rows.sort(key=lambda chunk: chunk.slot)
    return RowPlan(rows, taken, filled)


def _share(unread: Mapping[int, Sequence[int]], budget: int) -> dict[int, int]:
    """Give whoever writes one row, and the rest of the budget to prompts in the order they came.

    A prompt gets a good piece or nothing: a row of it beside others' would cost a reading of the
    weights and bring it no nearer to its end.
    """
    writers = sum(len(tokens) == 1 for tokens in unread.values())
    left = max(0, budget - writers)
    least = min(_PIECE_ROWS, left)
    taken = {}
    for index, tokens in unread.items():
        count = 1 if len(tokens) == 1 else min(len(tokens), left)
        if not count or (count < len(tokens) and count < least):
            continue
        taken[index] = count
        left -= count if len(tokens) > 1 else 0
    return taken


def _gaps(rows: Sequence[Rows], held: Sequence[int], context_tokens: int) -> list[int]:
    """Return the slots to fill in between those that follow one another but for a short gap."""
    filled: list[int] = []
    for left, right in pairwise(rows):
        gap = range(left.slot + 1, right.slot)
        if len(gap) <= _WIDEST_GAP and all(held[index] < context_tokens for index in gap):
            filled += gap
    return filled
