"""Who writes next: one line of jobs for each model, bounded, fair by caller, with deadlines.

A caller's jobs are written in the order they came; between callers, whoever was given the fewest
tokens goes first, and one who comes back after a pause starts level with the others (the virtual
token counter of Sheng et al., "Fairness in Serving Large Language Models", OSDI 2024). A full line
gives up the newest job of whoever has the most waiting there. Where a model has several slots and
several callers came of late, one who holds some never takes the last slot: whoever comes next finds
it free.

Waits are predicted by playing the line forward at the speeds measured (`speeds.py`).
"""

import asyncio
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from math import inf
from types import TracebackType

from ai_core.errors import DeadlineMissed, QueueFull
from ai_core.metrics import SchedulerMetrics
from ai_core.models.speeds import Size, Speeds
from shared.clock import Clock

LEAST_SLOTS_TO_KEEP_ONE = 4
"""With fewer slots one kept free would cost more than a quarter of the work."""
ALONE_AFTER_S = 60.0
"""A caller who was the only one for so long may take every slot."""
MOST_IDLE_COUNTERS = 256


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many jobs are before this one, and for how long they are expected to be."""

    position: int
    wait_s: float | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """How a model's line is: jobs waiting and writing, and what a new job would wait."""

    waiting: int
    running: int
    wait_s: float | None


class Line:
    """The jobs of one model. Nothing waits here: all of it is arithmetic on the clock's seconds."""

    def __init__(self, model: str, clock: Clock, metrics: SchedulerMetrics) -> None:
        self.model = model
        self.clock = clock
        self.metrics = metrics
        self.speeds = Speeds()
        self.slots = 1
        self.running: set[Job] = set()
        self.waiting: dict[str, deque[Job]] = {}
        self._given: dict[str, float] = {}
        self._level = 0.0
        self._latest_caller: str | None = None
        self._mixed_s = -inf

    @property
    def length(self) -> int:
        """Return how many jobs wait."""
        return sum(map(len, self.waiting.values()))

    def join(self, job: "Job") -> None:
        """Put a job behind its caller's others."""
        if self._latest_caller not in {None, job.caller}:
            self._mixed_s = self.clock.elapsed_s()
        self._latest_caller = job.caller
        if job.caller not in self.waiting:
            self._given[job.caller] = max(self._given.get(job.caller, 0.0), self._level)
        self.waiting.setdefault(job.caller, deque()).append(job)
        self.metrics.waiting.labels(self.model).inc()

    def leave(self, job: "Job") -> None:
        """Take a waiting job out."""
        jobs = self.waiting[job.caller]
        jobs.remove(job)
        if not jobs:
            del self.waiting[job.caller]
        self.metrics.waiting.labels(self.model).dec()

    def grant(self) -> None:
        """Let as many ready jobs begin as there are slots for."""
        while (caller := self._next_caller()) is not None:
            self._level = max(self._level, min(self._given[name] for name in self.waiting))
            job = next(job for job in self.waiting[caller] if job.is_ready)
            self.leave(job)
            self.running.add(job)
            job.begun_s = self.clock.elapsed_s()
            job.charged = self.speeds.charge(job.size)
            self._charge(caller, job.charged)
            job.begun.set()
            self.metrics.queued.labels(self.model).observe(job.begun_s - job.entered_s)

    def over(self, job: "Job") -> None:
        """Free a job's slot or its place in the line, learn from it, and let the next one begin."""
        if job in self.running:
            self.running.remove(job)
            self._charge(job.caller, job.size.prompt_tokens + job.written - job.charged)
            self._learn(job)
        elif job in self.waiting.get(job.caller, ()):
            self.leave(job)
        self.grant()

    def forecast(self, newcomer: "Job") -> Waiting:
        """Return what a job waits, be it in the line already or about to join it."""
        waiting = {caller: list(jobs) for caller, jobs in self.waiting.items()}
        given = dict(self._given)
        here = newcomer in waiting.get(newcomer.caller, ())
        if not here:
            waiting.setdefault(newcomer.caller, []).append(newcomer)
            given[newcomer.caller] = max(given.get(newcomer.caller, 0.0), self._level)
        free_at = self._ends()
        held, kept = self._held(), self._kept
        now_s, position = 0.0, 0
        while True:
            while (caller := chosen(waiting, given, held, self.slots, kept)) is not None:
                job = waiting[caller].pop(0)
                if job is newcomer:
                    return Waiting(position, now_s)
                if not waiting[caller]:
                    del waiting[caller]
                position += 1
                given[caller] += self.speeds.charge(job.size)
                held[caller] = held.get(caller, 0) + 1
                heappush(free_at, (now_s + (self.speeds.service_s(job.size) or 0.0), caller))
            if not self.speeds.known:
                return Waiting(self.length - here, None)
            now_s, freed = heappop(free_at)
            held[freed] -= 1

    def outlook(self) -> Outlook:
        """Return how the line is, as a new caller would find it."""
        newcomer = Job(self, "", Size(0, 0), None)
        return Outlook(self.length, len(self.running), self.forecast(newcomer).wait_s)

    def made_room_for(self, job: "Job") -> bool:
        """Give up the newest job of whoever has most waiting, if that is more than `job` finds."""
        most = max(self.waiting, key=lambda caller: len(self.waiting[caller]))
        if len(self.waiting[most]) <= len(self.waiting.get(job.caller, ())) + 1:
            return False
        newest = self.waiting[most][-1]
        newest.given_up = self.full(newest)
        self.leave(newest)
        newest.begun.set()
        return True

    def full(self, job: "Job") -> QueueFull:
        """Return why a job cannot wait here, and how long it would, to the nearest second."""
        self.metrics.refused.labels(self.model, "queue_full").inc()
        wait_s = self.forecast(job).wait_s
        # HTTP tells whole seconds, rounded up: a forecast may be too long as well as too short.
        return QueueFull(retry_after_s=None if wait_s is None else max(1, round(wait_s)))

    def late(self, retry_after_s: float | None) -> DeadlineMissed:
        """Return why a job is not written, and when it could be."""
        self.metrics.refused.labels(self.model, "deadline").inc()
        return DeadlineMissed(retry_after_s=retry_after_s)

    def _next_caller(self) -> str | None:
        able = {
            caller: jobs
            for caller, jobs in self.waiting.items()
            if any(job.is_ready for job in jobs)
        }
        return chosen(able, self._given, self._held(), self.slots, self._kept)

    @property
    def _kept(self) -> int:
        """Return how many slots are for callers who hold none."""
        mixed = self.clock.elapsed_s() - self._mixed_s < ALONE_AFTER_S
        return 1 if mixed and self.slots >= LEAST_SLOTS_TO_KEEP_ONE else 0

    def _charge(self, caller: str, tokens: float) -> None:
        """Count what a caller was given, or give back what was counted too much."""
        self._given[caller] = self._given.get(caller, 0.0) + tokens
        here = {*self.waiting, *(job.caller for job in self.running)}
        if len(self._given) > MOST_IDLE_COUNTERS + len(here):
            self._given = {
                name: given
                for name, given in self._given.items()
                if name in here or given > self._level
            }

    def _learn(self, job: "Job") -> None:
        if job.first_s is None or job.ended_s is None:
            return
        writing_s = job.ended_s - job.first_s
        self.speeds.writing.learn(writing_s, job.written)
        self.speeds.lengths.learn(job.written, cut=job.cut)
        self.metrics.prefill.labels(self.model).observe(job.first_s - job.begun_s)
        self.metrics.decode.labels(self.model).observe(writing_s)

    def _ends(self) -> list[tuple[float, str]]:
        """Return when each running job ends, in seconds from now, soonest first."""
        now_s = self.clock.elapsed_s()
        return sorted(
            (self.speeds.left_s(job.size, job.written, now_s - job.begun_s) or 0.0, job.caller)
            for job in self.running
        )

    def _held(self) -> dict[str, int]:
        held: dict[str, int] = {}
        for job in self.running:
            held[job.caller] = held.get(job.caller, 0) + 1
        return held


def chosen(
    waiting: Collection[str],
    given: Mapping[str, float],
    held: Mapping[str, int],
    slots: int,
    kept: int,
) -> str | None:
    """Return whose job begins next: the caller's given least of those who may take a slot.

    The last `kept` slots are for callers who hold none.
    """
    free = slots - sum(held.values())
    able = (name for name in waiting if free > kept or (free > 0 and not held.get(name)))
    return min(able, key=given.__getitem__, default=None)


class Job:
    """One answer to write: enter it with `with`; leaving frees its place or its slot."""

    def __init__(self, line: Line, caller: str, size: Size, deadline_s: float | None) -> None:
        self.line = line
        self.caller = caller
        self.size = size
        self.deadline_s = deadline_s
        self.is_ready = False
        self.begun = asyncio.Event()
        self.given_up: QueueFull | None = None
        self.entered_s = line.clock.elapsed_s()
        self.begun_s = 0.0
        self.charged = 0.0
        self.first_s: float | None = None
        self.ended_s: float | None = None
        self.written = 0
        self.cut = False

    def __enter__(self) -> "Job":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.line.over(self)

    def outlook(self) -> Waiting:
        """Return how long this job still waits."""
        return self.line.forecast(self)

    def late_s(self) -> float:
        """Return by how much this job is going to miss its deadline; 0 when it is not."""
        if self.deadline_s is None:
            return 0.0
        waits_s = self.outlook().wait_s or 0.0
        return max(0.0, waits_s - self._spare_s())

    def ready(self, size: Size, slots: int) -> None:
        """Say that the job can begin as soon as one of the model's `slots` is free.

        Raises DeadlineMissed when its true size is more than its deadline allows, and QueueFull
        when its place was given up.
        """
        self._require_place()
        self.line.slots = slots
        self.size = size
        if late_s := self.late_s():
            raise self.line.late(late_s)
        self.is_ready = True
        self.line.grant()

    async def begins(self, within_s: float) -> bool:
        """Wait for a slot, at most so long; tell whether the job begins.

        Raises QueueFull when its place was given up to somebody who has fewer waiting, and
        DeadlineMissed as soon as the deadline cannot be met any more.
        """
        spare_s = self._spare_s()
        try:
            async with asyncio.timeout(max(0.0, min(within_s, spare_s))):
                await self.begun.wait()
        except TimeoutError:
            if spare_s < within_s:
                raise self.line.late(self.outlook().wait_s) from None
            return False
        self._require_place()
        return True

    def wrote(self, tokens: int, prompt_tokens: int) -> None:
        """Take note of a piece; the first one tells how many tokens the prompt had."""
        if self.first_s is None:
            self.first_s = self.line.clock.elapsed_s()
            self.size = Size(prompt_tokens or self.size.prompt_tokens, self.size.new_tokens)
            self.line.speeds.reading.learn(self.first_s - self.begun_s, self.size.prompt_tokens)
        self.written += tokens

    def ended(self, *, cut: bool) -> None:
        """Take note that the answer is whole; `cut` when its limit ended it."""
        self.ended_s = self.line.clock.elapsed_s()
        self.cut = cut

    def _spare_s(self) -> float:
        """Return for how long the job may still wait."""
        if self.deadline_s is None:
            return inf
        service_s = self.line.speeds.service_s(self.size) or 0.0
        return self.deadline_s - service_s - self.line.clock.elapsed_s()

    def _require_place(self) -> None:
        if self.given_up:
            raise self.given_up


class Scheduler:
    """Every model's line: at most `most_waiting` jobs, none of which waits `longest_wait_s`."""

    def __init__(
        self, clock: Clock, metrics: SchedulerMetrics, *, most_waiting: int, longest_wait_s: float
    ) -> None:
        self._clock = clock
        self._metrics = metrics
        self._most_waiting = most_waiting
        self.longest_wait_s = longest_wait_s
        self._lines: dict[str, Line] = {}

    def enter(self, model: str, caller: str, size: Size, deadline_s: float | None = None) -> Job:
        """Put a job in a model's line; `size` may be a guess until `Job.ready` tells it.

        `deadline_s` is on the clock. Raises QueueFull with what the job would wait, and
        DeadlineMissed with the time until the same request could be answered in time.
        """
        line = self._lines.get(model)
        if line is None:
            line = self._lines[model] = Line(model, self._clock, self._metrics)
        job = Job(line, caller, size, deadline_s)
        if late_s := job.late_s():
            raise line.late(late_s)
        if (job.outlook().wait_s or 0.0) > self.longest_wait_s:
            raise line.full(job)
        free = max(0, line.slots - len(line.running))  # for jobs whose prompt is not written yet
        if line.length >= self._most_waiting + free and not line.made_room_for(job):
            raise line.full(job)
        line.join(job)
        return job

    def outlooks(self) -> Iterator[tuple[str, Outlook]]:
        """Yield how each model's line is, for the models that were asked anything."""
        for model, line in self._lines.items():
            yield model, line.outlook()
