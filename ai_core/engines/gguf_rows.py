"""What one step computes: a row for each job that writes, then rows of prompts, within a bound.

llama.cpp reads the weights once for slots whose numbers follow one another in the batch, and once
more at every break. Its kernels are quick for one row and for sixteen, and slow between (Q8_0 with
one thread: 7 ms for one row, 30 for two, 86 for fifteen, 62 for sixteen), so few may be quicker
apart, and many with rows added that are thrown away; which is quicker here is measured as
we go.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise

from ai_core.engines.gguf_context import Rows

MOST_ROWS = 256
_LEAST_ROWS = 32
_STEP_S = 0.25
"""How long a step may take, hence how long a reader may wait."""
_PIECE_ROWS = 64
"""A prompt is not cut into less: fewer rows cost as much."""
_WIDEST_GAP = 4
_FILLER = 0
_MOST_APART = 8
_LEAST_FILLED = 5
_TILE_ROWS = 16
"""How many rows the quickest kernels of llama.cpp take at a time."""
_TRIES = 3
_HOPELESS = 1.25
"""A way that took so much more than another is not tried again."""
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


class Way(Enum):
    """How the rows of jobs that write are laid out."""

    APART = "apart"
    """Each by itself: the weights are read once for every row."""
    TOGETHER = "together"
    """In one block; a short gap between two slots is filled."""
    FILLED = "filled"
    """In one block, with rows added up to a whole tile."""


class Grouping:
    """How so many jobs that write are laid out: the way that takes least.

    Every way that may be best is tried a few times, and again after some hundred steps.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._took_s: dict[tuple[int, int, Way], float] = {}
        self._tries: dict[tuple[int, int, Way], int] = {}
        self._steps = 0

    def way(self, jobs: int, threads: int) -> Way:
        """Choose for a step of that many jobs."""
        ways = self._ways(jobs)
        known = [self._took_s[key] for way in ways if (key := (jobs, threads, way)) in self._took_s]
        for way in ways:
            key = jobs, threads, way
            tries = self._tries.get(key, 0) if len(ways) > 1 else _TRIES
            if not tries or (tries < _TRIES and self._took_s[key] < _HOPELESS * min(known)):
                return way
        return min(ways, key=lambda way: self._took_s.get((jobs, threads, way), 0.0))

    def took(self, jobs: int, threads: int, way: Way, ours_s: float) -> None:
        """Take note of a step in which nobody read: what it used of the cores."""
        key = jobs, threads, way
        known = self._took_s.get(key, ours_s)
        self._took_s[key] = min(ours_s, known + _NEW * (ours_s - known))
        self._tries[key] = self._tries.get(key, 0) + 1
        self._steps += 1
        if self._steps % _TRY_AGAIN_STEPS == 0:
            self._tries.clear()
            self._took_s.clear()

    def _ways(self, jobs: int) -> list[Way]:
        ways = [Way.TOGETHER]
        if _LEAST_FILLED <= jobs < whole_tiles(jobs) <= self._slots:
            ways.append(Way.FILLED)
        if 1 < jobs <= _MOST_APART:
            ways.append(Way.APART)
        return ways


def whole_tiles(rows: int) -> int:
    """Return the next number of rows that are whole tiles."""
    return -(-rows // _TILE_ROWS) * _TILE_ROWS


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
    spare: Collection[int],
    budget: int,
    way: Way,
) -> RowPlan:
    """Lay out a step.

    `unread` has the tokens each running slot is to compute, first come first; `held` how many
    tokens every slot holds; `spare` are those that can take a row and forget it again.
    """
    taken = _share(unread, budget)
    rows = [
        Rows(index, unread[index][:count], held[index], wanted=count == len(unread[index]))
        for index, count in sorted(taken.items(), reverse=way is Way.APART)
    ]
    empty = _around(rows, len(held)) if way is Way.FILLED else _gaps(rows)
    filled = [index for index in empty if index in spare and way is not Way.APART]
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


def _gaps(rows: Sequence[Rows]) -> list[int]:
    """Return the slots in the short gaps between those of a step."""
    filled: list[int] = []
    for left, right in pairwise(rows):
        gap = range(left.slot + 1, right.slot)
        if len(gap) <= _WIDEST_GAP:
            filled += gap
    return filled


def _around(rows: Sequence[Rows], slots: int) -> list[int]:
    """Return the slots that make whole tiles of those of a step, or those in its short gaps."""
    tiles = whole_tiles(len(rows))
    start = max(0, min(rows[0].slot, slots - tiles)) if rows else 0
    if not rows or tiles > slots or rows[-1].slot >= start + tiles:
        return _gaps(rows)
    return sorted({*range(start, start + tiles)} - {chunk.slot for chunk in rows})
