"""Batch planning: one row for each job that decodes, then rows of prompts, within a budget.

A row is one token of a slot. llama.cpp reads the weights once for slots with consecutive numbers in
the batch, and once more at every gap. Its kernels are fast for one row and for sixteen, and slow in
between (Q8_0 with one thread: 7 ms for one row, 30 for two, 86 for fifteen, 62 for sixteen), so few
rows may be faster apart, and many with padding rows; which is faster here is measured as we go. Its
attention takes 64 rows of a slot at a time in a third of the time they take one by one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise

from ai_core.engines.gguf.context import BatchSegment

_MAX_ROWS = 512
_MIN_ROWS = 64
"""Prompt rows of a step, even when they take longer: fewer take up to twice the time per row.

A prompt is not split into less.
"""
_DECODE_STEP_S = 0.25
"""Target duration of a step with answers in it, hence the longest pause between their tokens."""
_PREFILL_STEP_S = 0.5
"""Target duration of a step with prompts only: many rows at once are faster."""
_OVERRUN = 0.25
"""The rest of a prompt may exceed the budget by this share of it."""
_MAX_GAP = 4
_MAX_SEPARATE = 8
_MIN_PADDED = 5
_TILE_ROWS = 16
"""Rows that llama.cpp's fastest kernels take at a time."""
_ATTENTION_TILE_ROWS = 64  # GGML_FA_TILE_Q in llama.cpp
_ATTENTION_COST = 5.4
"""Cost of a multiplication in attention, relative to one with the weights (135 M, Q8_0)."""
_TILED_ATTENTION_COST = 1.8
"""The same with 64 rows or more of a slot at a time."""
_TRIALS = 3
_HOPELESS = 1.25
"""A layout slower than another by this factor is not tried again."""
_RETRY_STEPS = 500
_SMOOTHING = 0.3


class RowBudget:
    """How many prompt rows a step may have without exceeding its target duration.

    The rate is a moving average over steps with enough rows, in CPU time: when other processes take
    the cores, smaller steps would only make it worse.
    """

    def __init__(self) -> None:
        self._rows_per_s = 0.0

    def prompt_rows(self, decoding: int) -> int:
        """Return the budget of a step beside `decoding` jobs that decode.

        It is a multiple of the tile, and one more beside decoding jobs, because llama.cpp computes
        one row of each slot first then.
        """
        step_s = _DECODE_STEP_S if decoding else _PREFILL_STEP_S
        fit = int(self._rows_per_s * step_s - decoding) // _TILE_ROWS * _TILE_ROWS
        return max(_MIN_ROWS, min(_MAX_ROWS, fit)) + (decoding > 0)

    def record(self, rows: int, core_s: float) -> None:
        """Record a step's rows and duration."""
        if rows < _MIN_ROWS or core_s <= 0:
            return
        rate = rows / core_s
        known = self._rows_per_s
        self._rows_per_s = rate if not known else known + _SMOOTHING * (rate - known)


def max_batch_rows(slots: int) -> int:
    """Return the rows of the largest step with that many slots."""
    return int(_MAX_ROWS * (1 + _OVERRUN)) + slots


class BatchLayout(Enum):
    """How the rows of decoding jobs are laid out."""

    SEPARATE = "separate"
    """Each by itself: the weights are read once per row."""
    CONTIGUOUS = "contiguous"
    """In one block; a short gap between two slots is padded."""
    PADDED = "padded"
    """In one block, padded to whole tiles."""


class LayoutTuner:
    """Chooses the fastest layout for each number of decoding jobs and threads.

    Every layout that may be the fastest is tried a few times, and again after some hundred steps.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._cpu_s: dict[tuple[int, int, BatchLayout], float] = {}
        self._trials: dict[tuple[int, int, BatchLayout], int] = {}
        self._steps = 0

    def choose(self, jobs: int, threads: int) -> BatchLayout:
        """Return the layout of the next step."""
        layouts = self._candidates(jobs)
        known = [
            self._cpu_s[key] for one in layouts if (key := (jobs, threads, one)) in self._cpu_s
        ]
        for layout in layouts:
            key = jobs, threads, layout
            trials = self._trials.get(key, 0) if len(layouts) > 1 else _TRIALS
            if not trials or (trials < _TRIALS and self._cpu_s[key] < _HOPELESS * min(known)):
                return layout
        return min(layouts, key=lambda layout: self._cpu_s.get((jobs, threads, layout), 0.0))

    def record(self, jobs: int, threads: int, layout: BatchLayout, cpu_s: float) -> None:
        """Record the CPU time of a step in which every job decoded."""
        key = jobs, threads, layout
        known = self._cpu_s.get(key, cpu_s)
        self._cpu_s[key] = min(cpu_s, known + _SMOOTHING * (cpu_s - known))
        self._trials[key] = self._trials.get(key, 0) + 1
        self._steps += 1
        if self._steps % _RETRY_STEPS == 0:
            self._trials.clear()
            self._cpu_s.clear()

    def _candidates(self, jobs: int) -> list[BatchLayout]:
        layouts = [BatchLayout.CONTIGUOUS]
        if _MIN_PADDED <= jobs < _whole_tiles(jobs) <= self._slots:
            layouts.append(BatchLayout.PADDED)
        if 1 < jobs <= _MAX_SEPARATE:
            layouts.append(BatchLayout.SEPARATE)
        return layouts


def _whole_tiles(rows: int) -> int:
    """Round up to whole tiles."""
    return -(-rows // _TILE_ROWS) * _TILE_ROWS


@dataclass(slots=True)
class BatchPlan:
    """The segments of a step, and how many of its pending tokens each slot computes.

    `keep` maps each slot that gets padding to the tokens it holds without it.
    """

    segments: list[BatchSegment] = field(default_factory=list)
    allotted: dict[int, int] = field(default_factory=dict)
    keep: dict[int, int] = field(default_factory=dict)


def plan_batch(
    pending: Mapping[int, Sequence[int]],
    lengths: Sequence[int],
    *,
    free: Sequence[int],
    budget: int,
    layout: BatchLayout,
    attention: float,
) -> BatchPlan:
    """Plan a step.

    `pending` maps each running slot to the tokens it has to compute, first come, first served;
    `lengths` are the tokens every slot holds, `free` how many more it can take and truncate again;
    `budget` is the number of prompt rows. `attention` is the multiplications of a row per token it
    attends to, relative to those with the weights.
    """
    allotted = _allot(pending, budget)
    padding = _prompt_padding(allotted, lengths, free, attention)
    segments = [
        BatchSegment(
            slot,
            pending[slot][:count],
            lengths[slot],
            wants_logits=count == len(pending[slot]),
            padding=padding[slot],
        )
        for slot, count in sorted(allotted.items(), reverse=layout is BatchLayout.SEPARATE)
    ]
    padded = layout is BatchLayout.PADDED
    gaps = _tile_gaps(segments, len(lengths)) if padded else _short_gaps(segments)
    filled = [slot for slot in gaps if free[slot] and layout is not BatchLayout.SEPARATE]
    segments += [
        BatchSegment(slot, (), lengths[slot], wants_logits=False, padding=1) for slot in filled
    ]
    if filled:
        segments.sort(key=lambda segment: segment.slot)
    keep = {one.slot: one.position + len(one.tokens) for one in segments if one.padding}
    return BatchPlan(segments, allotted, keep)


def _allot(pending: Mapping[int, Sequence[int]], budget: int) -> dict[int, int]:
    """Give each decoding job one row, and the budget to prompts, first come, first served.

    A prompt gets at least `_MIN_ROWS` or nothing: one row of it beside others' would cost a pass
    over the weights and hardly bring its end nearer. Nor is a small rest left for another step.
    """
    left, allotted = budget, {}
    for slot, tokens in pending.items():
        if len(tokens) == 1:
            allotted[slot] = 1
        elif left >= min(len(tokens), _MIN_ROWS):
            whole = len(tokens) <= left + int(budget * _OVERRUN)
            allotted[slot] = len(tokens) if whole else left
            left -= allotted[slot]
    return allotted


def _prompt_padding(
    allotted: Mapping[int, int], lengths: Sequence[int], free: Sequence[int], attention: float
) -> dict[int, int]:
    """Return the padding rows of each slot that make short pieces of prompts faster.

    Pieces of unequal length are computed one after the other, so the shorter ones are padded to the
    longest; all are padded to a whole attention tile where attention makes that worth it. llama.cpp
    takes one row of each slot first when some have no more.
    """
    short = {slot: count for slot, count in allotted.items() if 1 < count < _ATTENTION_TILE_ROWS}
    target = max(short.values(), default=0)
    attended = max((attention * lengths[slot] for slot in short), default=0.0)
    row_by_row = target * (1 + _ATTENTION_COST * attended)
    if row_by_row > _ATTENTION_TILE_ROWS * (1 + _TILED_ATTENTION_COST * attended):
        target = _ATTENTION_TILE_ROWS + (1 in allotted.values())
    left = max_batch_rows(0) - sum(count for count in allotted.values() if count > 1)
    padding = dict.fromkeys(allotted, 0)
    for slot, count in short.items():
        more = target - count
        if 0 < more <= left and target <= min(2 * count, free[slot]):
            padding[slot] = more
            left -= more
    return padding


def _short_gaps(segments: Sequence[BatchSegment]) -> list[int]:
    """Return the slots in the short gaps between the segments."""
    slots: list[int] = []
    for left, right in pairwise(segments):
        gap = range(left.slot + 1, right.slot)
        if len(gap) <= _MAX_GAP:
            slots += gap
    return slots


def _tile_gaps(segments: Sequence[BatchSegment], slots: int) -> list[int]:
    """Return the slots that complete the segments to whole tiles, or else the short gaps."""
    tiles = _whole_tiles(len(segments))
    start = max(0, min(segments[0].slot, slots - tiles)) if segments else 0
    if not segments or tiles > slots or segments[-1].slot >= start + tiles:
        return _short_gaps(segments)
    return sorted({*range(start, start + tiles)} - {segment.slot for segment in segments})
