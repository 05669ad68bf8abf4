"""What one step computes: a row for each job that writes, then rows of prompts, within a bound.

llama.cpp reads the weights once for slots whose numbers follow one another in the batch, and once
more at every break. Its kernels are quick for one row and for sixteen, and slow between (Q8_0 with
one thread: 7 ms for one row, 30 for two, 86 for fifteen, 62 for sixteen), so few may be quicker
apart, and many with rows added that are thrown away; which is quicker here is measured as
we go. Its attention takes 64 rows of a slot at a time in a third of the time they take one by one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise

from ai_core.engines.gguf.context import Rows

_MOST_ROWS = 512
_LEAST_ROWS = 64
"""Of prompts in a step, even when they take longer: fewer take up to twice the time a row. A prompt
is not cut into less."""
_STEP_S = 0.25
"""How long a step may take while answers are written, hence how long they may pause."""
_READING_STEP_S = 0.5
"""How long a step may take that only reads: many rows at once are read quicker."""
_REST = 0.25
"""What is left of a prompt goes along beyond the bound, up to this share of it."""
_WIDEST_GAP = 4
_MOST_APART = 8
_LEAST_FILLED = 5
_TILE_ROWS = 16
"""How many rows the quickest kernels of llama.cpp take at a time."""
_FULL_ROWS = 64  # GGML_FA_TILE_Q in llama.cpp
_ATTENTION_PRICE = 5.4
"""What a multiplication of attention takes by one with the weights; measured at 135 M, Q8_0."""
_FULL_ATTENTION_PRICE = 1.8
"""The same, 64 rows or more of a slot at a time."""
_TRIES = 3
_HOPELESS = 1.25
"""A way that took so much more than another is not tried again."""
_TRY_AGAIN_STEPS = 500
_NEW = 0.3


class RowBudget:
    """How many rows of prompts a step may have, so that it takes no longer than people may wait.

    Speed is what the last steps with a good number of rows measured, in time on the cores: when
    others take them, smaller steps would only make it worse.
    """

    def __init__(self) -> None:
        self._rows_per_s = 0.0

    def rows(self, runners: int) -> int:
        """Return the bound of a step in which so many answers go on.

        It is whole tiles; one row more beside answers, as a row of each slot is computed first.
        """
        step_s = _STEP_S if runners else _READING_STEP_S
        fit = int(self._rows_per_s * step_s - runners) // _TILE_ROWS * _TILE_ROWS
        return max(_LEAST_ROWS, min(_MOST_ROWS, fit)) + (runners > 0)

    def took(self, rows: int, core_s: float) -> None:
        """Take note of a step."""
        if rows < _LEAST_ROWS or core_s <= 0:
            return
        speed = rows / core_s
        known = self._rows_per_s
        self._rows_per_s = speed if not known else known + _NEW * (speed - known)


def most_rows(slots: int) -> int:
    """Return the rows that the largest step of so many slots has."""
    return int(_MOST_ROWS * (1 + _REST)) + slots


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
    """The rows of a step, and how many of their own tokens each slot takes.

    `keep` has the slots that have rows added to be thrown away, and how many tokens they hold
    without them.
    """

    rows: list[Rows] = field(default_factory=list)
    taken: dict[int, int] = field(default_factory=dict)
    keep: dict[int, int] = field(default_factory=dict)


def plan_rows(
    unread: Mapping[int, Sequence[int]],
    held: Sequence[int],
    *,
    room: Sequence[int],
    budget: int,
    way: Way,
    attention: float,
) -> RowPlan:
    """Lay out a step.

    `unread` has the tokens each running slot is to compute, first come first; `held` how many
    tokens every slot holds, `room` how many more it can take and forget again; `budget` how many
    tokens of prompts the step may have. `attention` is what a row multiplies for each token it
    looks at, by what it multiplies with the weights.
    """
    taken = _share(unread, budget)
    added = _added(taken, held, room, attention)
    rows = [
        Rows(index, unread[index][:count], held[index], count == len(unread[index]), added[index])
        for index, count in sorted(taken.items(), reverse=way is Way.APART)
    ]
    empty = _around(rows, len(held)) if way is Way.FILLED else _gaps(rows)
    filled = [index for index in empty if room[index] and way is not Way.APART]
    rows += [Rows(index, (), held[index], wanted=False, added=1) for index in filled]
    if filled:
        rows.sort(key=lambda chunk: chunk.slot)
    keep = {chunk.slot: chunk.at + len(chunk.tokens) for chunk in rows if chunk.added}
    return RowPlan(rows, taken, keep)


def _share(unread: Mapping[int, Sequence[int]], budget: int) -> dict[int, int]:
    """Give whoever writes one row, and the budget to prompts in the order they came.

    A prompt gets a good piece or nothing: a row of it beside others' would cost a reading of the
    weights and bring it no nearer to its end. Nor is little left of it for another step.
    """
    left, taken = budget, {}
    for index, tokens in unread.items():
        if len(tokens) == 1:
            taken[index] = 1
        elif left >= min(len(tokens), _LEAST_ROWS):
            whole = len(tokens) <= left + int(budget * _REST)
            taken[index] = len(tokens) if whole else left
            left -= taken[index]
    return taken


def _added(
    taken: Mapping[int, int], held: Sequence[int], room: Sequence[int], attention: float
) -> dict[int, int]:
    """Return the rows added to each slot's, so that short pieces of prompts are computed quicker.

    Pieces of unequal length are computed one after the other, so the shorter ones are made as long
    as the longest; all are made full where attention makes that worth it. llama.cpp takes one row
    of each slot first when some have no more.
    """
    short = {index: count for index, count in taken.items() if 1 < count < _FULL_ROWS}
    target = max(short.values(), default=0)
    seen = max((attention * held[index] for index in short), default=0.0)
    alone = target * (1 + _ATTENTION_PRICE * seen)
    if alone > _FULL_ROWS * (1 + _FULL_ATTENTION_PRICE * seen):
        target = _FULL_ROWS + (1 in taken.values())
    left = most_rows(0) - sum(count for count in taken.values() if count > 1)
    added = dict.fromkeys(taken, 0)
    for index, count in short.items():
        more = target - count
        if 0 < more <= left and target <= min(2 * count, room[index]):
            added[index] = more
            left -= more
    return added


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
