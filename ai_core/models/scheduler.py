"""Scheduling of answers: a bounded queue of jobs per model, fair between callers, with deadlines.

A caller's jobs are served in order of arrival; between callers, the one served the fewest tokens
goes first, and one that returns after a pause starts at the virtual time of the others (the virtual
token counter of Sheng et al., "Fairness in Serving Large Language Models", OSDI 2024). A full queue
drops the newest job of the caller with the most waiting jobs. Where a model has several slots and
several recent callers, a caller that holds slots never takes the last free one, so that the next
caller can start at once.

Waits are estimated by simulating the queue at the speeds measured (`speeds.py`).
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from heapq import heappop, heappush
from math import ceil, floor, inf
from types import TracebackType

from ai_core.errors import DeadlineMissed, DeadlineTooShort, QueueFull
from ai_core.metrics import SchedulerMetrics
from ai_core.models.speeds import Size, Speeds
from shared.clock import Clock

MIN_SLOTS_TO_KEEP_ONE = 4
"""With fewer slots, one kept free would cost more than a quarter of the work."""
ALONE_AFTER_S = 60.0
"""A caller who was the only one for so long may take every slot."""
MAX_IDLE_COUNTERS = 256


@dataclass(frozen=True, slots=True)
class WaitEstimate:
    """How many jobs are before this one, and how long they are expected to take."""

    position: int
    wait_s: float | None


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """How many jobs of a model wait and run, and how long a new one would wait."""

    waiting: int
    running: int
    wait_s: float | None


class Queue:
    """The jobs of one model. Nothing here blocks: it is arithmetic on the clock's seconds."""

    def __init__(self, model: str, clock: Clock, metrics: SchedulerMetrics) -> None:
        self.model = model
        self.clock = clock
        self.metrics = metrics
        self.speeds = Speeds()
        self.slots = 1
        self.running: set[Job] = set()
        self.waiting: dict[str, deque[Job]] = {}
        self._served_tokens: dict[str, float] = {}
        self._virtual_time = 0.0
        self._last_caller: str | None = None
        self._shared_at_s = -inf

    @property
    def length(self) -> int:
        """Return how many jobs wait."""
        return sum(map(len, self.waiting.values()))

    def enqueue(self, job: "Job") -> None:
        """Put a job behind its caller's others."""
        if self._last_caller not in {None, job.caller}:
            self._shared_at_s = self.clock.elapsed_s()
        self._last_caller = job.caller
        if job.caller not in self.waiting:
            served = self._served_tokens.get(job.caller, 0.0)
            self._served_tokens[job.caller] = max(served, self._virtual_time)
        self.waiting.setdefault(job.caller, deque()).append(job)
        self.metrics.waiting.labels(self.model).inc()

    def remove(self, job: "Job") -> None:
        """Take a waiting job out."""
        jobs = self.waiting[job.caller]
        jobs.remove(job)
        if not jobs:
            del self.waiting[job.caller]
        self.metrics.waiting.labels(self.model).dec()

    def start_jobs(self) -> None:
        """Start as many ready jobs as there are free slots."""
        while (caller := self._next_caller()) is not None:
            least_served = min(self._served_tokens[name] for name in self.waiting)
            self._virtual_time = max(self._virtual_time, least_served)
            job = next(job for job in self.waiting[caller] if job.is_ready)
            self.remove(job)
            self.running.add(job)
            job.started_at_s = self.clock.elapsed_s()
            job.charged_tokens = self.speeds.expected_tokens(job.size)
            self._charge(caller, job.charged_tokens)
            job.started.set()
            self.metrics.queued.labels(self.model).observe(job.started_at_s - job.enqueued_at_s)

    def leave(self, job: "Job") -> None:
        """Free a job's slot or place in the queue, record its speeds, start the next one."""
        if job in self.running:
            self.running.remove(job)
            taken_tokens = job.size.prompt_tokens + job.written_tokens
            self._charge(job.caller, taken_tokens - job.charged_tokens)
            self._learn(job)
        elif job in self.waiting.get(job.caller, ()):
            self.remove(job)
        self.start_jobs()

    def estimate(self, job: "Job") -> WaitEstimate:
        """Estimate how long a job waits, whether it is queued already or about to join."""
        waiting = {caller: list(jobs) for caller, jobs in self.waiting.items()}
        served = dict(self._served_tokens)
        is_here = job in waiting.get(job.caller, ())
        if not is_here:
            waiting.setdefault(job.caller, []).append(job)
            served[job.caller] = max(served.get(job.caller, 0.0), self._virtual_time)
        ends = self._ends()
        held, kept_free = self._slots_held(), self._slots_kept_free
        after_s, position = 0.0, 0
        while True:
            while (caller := next_caller(waiting, served, held, self.slots, kept_free)) is not None:
                first = waiting[caller].pop(0)
                if first is job:
                    return WaitEstimate(position, after_s)
                if not waiting[caller]:
                    del waiting[caller]
                position += 1
                served[caller] += self.speeds.expected_tokens(first.size)
                held[caller] = held.get(caller, 0) + 1
                heappush(ends, (after_s + (self.speeds.service_s(first.size) or 0.0), caller))
            if not self.speeds.known:
                return WaitEstimate(self.length - is_here, None)
            after_s, freed = heappop(ends)
            held[freed] -= 1

    def status(self) -> QueueStatus:
        """Return the queue's status, as a new caller would find it."""
        new_job = Job(self, "", Size(0, 0), None)
        return QueueStatus(self.length, len(self.running), self.estimate(new_job).wait_s)

    def drop_newest_for(self, job: "Job") -> bool:
        """Drop the newest job of the caller with the most waiting jobs, to admit `job`.

        Return False when that caller has no more waiting than the caller of `job` would have.
        """
        most = max(self.waiting, key=lambda caller: len(self.waiting[caller]))
        if len(self.waiting[most]) <= len(self.waiting.get(job.caller, ())) + 1:
            return False
        newest = self.waiting[most][-1]
        newest.dropped = self.queue_full(newest)
        self.remove(newest)
        newest.started.set()
        return True

    def queue_full(self, job: "Job") -> QueueFull:
        """Return the error for a job that a full queue refuses, with its wait in seconds."""
        self.metrics.refused.labels(self.model, "queue_full").inc()
        wait_s = self.estimate(job).wait_s
        # HTTP gives whole seconds, rounded up: an estimate may be too long as well as too short.
        return QueueFull(retry_after_s=None if wait_s is None else max(1, round(wait_s)))

    def deadline_missed(self, retry_after_s: float | None) -> DeadlineMissed:
        """Return the error for a job that would miss its deadline, with the time to retry after."""
        self.metrics.refused.labels(self.model, "deadline").inc()
        return DeadlineMissed(retry_after_s=retry_after_s)

    def deadline_too_short(self, allowed_s: float, needed_s: float) -> DeadlineTooShort:
        """Return the error for a job that its deadline refuses even on an idle machine."""
        self.metrics.refused.labels(self.model, "deadline").inc()
        return DeadlineTooShort(
            model=self.model, allowed_ms=floor(allowed_s * 1000), needed_ms=ceil(needed_s * 1000)
        )

    def _next_caller(self) -> str | None:
        ready = {
            caller: jobs
            for caller, jobs in self.waiting.items()
            if any(job.is_ready for job in jobs)
        }
        held = self._slots_held()
        return next_caller(ready, self._served_tokens, held, self.slots, self._slots_kept_free)

    @property
    def _slots_kept_free(self) -> int:
        """Return how many slots are reserved for callers that hold none."""
        is_shared = self.clock.elapsed_s() - self._shared_at_s < ALONE_AFTER_S
        return 1 if is_shared and self.slots >= MIN_SLOTS_TO_KEEP_ONE else 0

    def _charge(self, caller: str, tokens: float) -> None:
        """Charge tokens to a caller; negative ones refund an overestimate."""
        self._served_tokens[caller] = self._served_tokens.get(caller, 0.0) + tokens
        active = {*self.waiting, *(job.caller for job in self.running)}
        if len(self._served_tokens) > MAX_IDLE_COUNTERS + len(active):
            self._served_tokens = {
                name: served
                for name, served in self._served_tokens.items()
                if name in active or served > self._virtual_time
            }

    def _learn(self, job: "Job") -> None:
        if job.first_token_at_s is None or job.finished_at_s is None:
            return
        decode_s = job.finished_at_s - job.first_token_at_s
        self.speeds.decode.record(decode_s, job.written_tokens)
        self.speeds.lengths.record(job.written_tokens, cut=job.cut)
        self.metrics.prefill.labels(self.model).observe(job.first_token_at_s - job.started_at_s)
        self.metrics.decode.labels(self.model).observe(decode_s)

    def _ends(self) -> list[tuple[float, str]]:
        """Return when each running job ends, in seconds from now, soonest first."""
        now_s = self.clock.elapsed_s()
        return sorted(
            (
                self.speeds.remaining_s(job.size, job.written_tokens, now_s - job.started_at_s),
                job.caller,
            )
            for job in self.running
        )

    def _slots_held(self) -> dict[str, int]:
        held: dict[str, int] = {}
        for job in self.running:
            held[job.caller] = held.get(job.caller, 0) + 1
        return held


def next_caller(
    waiting: Collection[str],
    served_tokens: Mapping[str, float],
    held: Mapping[str, int],
    slots: int,
    kept_free: int,
) -> str | None:
    """Return the caller that starts next: the one served least of those that may take a slot.

    The last `kept_free` slots are for callers that hold none.
    """
    free = slots - sum(held.values())
    able = (name for name in waiting if free > kept_free or (free > 0 and not held.get(name)))
    return min(able, key=served_tokens.__getitem__, default=None)


class Job:
    """One answer to generate; leaving its `with` block frees its place in the queue or its slot."""

    def __init__(self, queue: Queue, caller: str, size: Size, deadline_s: float | None) -> None:
        self.queue = queue
        self.caller = caller
        self.size = size
        self.deadline_s = deadline_s
        self.is_ready = False
        self.started = asyncio.Event()
        self.dropped: QueueFull | None = None
        self.enqueued_at_s = queue.clock.elapsed_s()
        self.started_at_s = 0.0
        self.charged_tokens = 0.0
        self.first_token_at_s: float | None = None
        self.finished_at_s: float | None = None
        self.written_tokens = 0
        self.cut = False

    def __enter__(self) -> "Job":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.queue.leave(self)

    def estimate(self) -> WaitEstimate:
        """Return how long this job still waits."""
        return self.queue.estimate(self)

    def raise_if_late(self) -> None:
        """Raise DeadlineMissed, with the time to retry after, when the queue is too long.

        Raises DeadlineTooShort when the model needs more time than the caller gave, even alone.
        """
        if self.deadline_s is None:
            return
        allowed_s, needed_s = self.deadline_s - self.enqueued_at_s, self._service_s()
        if needed_s > allowed_s:
            raise self.queue.deadline_too_short(allowed_s, needed_s)
        late_s = (self.estimate().wait_s or 0.0) - self._slack_s()
        if late_s > 0:
            raise self.queue.deadline_missed(late_s)

    def mark_ready(self, size: Size, slots: int) -> None:
        """Let the job start as soon as one of the model's `slots` is free.

        Raises what `raise_if_late` does for its true size, and QueueFull when it was dropped.
        """
        self._raise_if_dropped()
        self.queue.slots = slots
        self.size = size
        self.raise_if_late()
        self.is_ready = True
        self.queue.start_jobs()

    async def wait_for_slot(self, timeout_s: float) -> bool:
        """Wait for a slot, at most so long; return whether the job starts.

        Raises QueueFull when it was dropped for a caller who has fewer waiting, and DeadlineMissed
        as soon as the deadline cannot be met any more.
        """
        slack_s = self._slack_s()
        try:
            async with asyncio.timeout(max(0.0, min(timeout_s, slack_s))):
                await self.started.wait()
        except TimeoutError:
            if slack_s < timeout_s:
                raise self.queue.deadline_missed(self.estimate().wait_s) from None
            return False
        self._raise_if_dropped()
        return True

    def record_tokens(self, tokens: int, prompt_tokens: int) -> None:
        """Count new tokens; the first call also gives the prompt's true length, 0 if unknown."""
        if self.first_token_at_s is None:
            self.first_token_at_s = self.queue.clock.elapsed_s()
            self.size = Size(prompt_tokens or self.size.prompt_tokens, self.size.new_tokens)
            prefill_s = self.first_token_at_s - self.started_at_s
            self.queue.speeds.prefill.record(prefill_s, self.size.prompt_tokens)
        self.written_tokens += tokens

    def finish(self, *, cut: bool) -> None:
        """Record that the answer is complete; `cut` when its token limit ended it."""
        self.finished_at_s = self.queue.clock.elapsed_s()
        self.cut = cut

    def _slack_s(self) -> float:
        """Return how many more seconds the job may wait."""
        if self.deadline_s is None:
            return inf
        return self.deadline_s - self._service_s() - self.queue.clock.elapsed_s()

    def _service_s(self) -> float:
        """Return the seconds the answer takes once it has a slot; 0 until that was measured."""
        return self.queue.speeds.service_s(self.size) or 0.0

    def _raise_if_dropped(self) -> None:
        if self.dropped:
            raise self.dropped


class Scheduler:
    """Every model's queue: at most `most_waiting` jobs, none of which waits `longest_wait_s`."""

    def __init__(
        self, clock: Clock, metrics: SchedulerMetrics, *, most_waiting: int, longest_wait_s: float
    ) -> None:
        self._clock = clock
        self._metrics = metrics
        self._most_waiting = most_waiting
        self.longest_wait_s = longest_wait_s
        self._queues: dict[str, Queue] = {}

    def enter(self, model: str, caller: str, size: Size, deadline_s: float | None = None) -> Job:
        """Put a job in a model's queue; `size` may be a guess until `Job.mark_ready` gives it.

        `deadline_s` is on the clock. Raises QueueFull with what the job would wait, DeadlineMissed
        with the time until the same request could be answered in time, and DeadlineTooShort.
        """
        queue = self._queues.get(model)
        if queue is None:
            queue = self._queues[model] = Queue(model, self._clock, self._metrics)
        job = Job(queue, caller, size, deadline_s)
        job.raise_if_late()
        if (job.estimate().wait_s or 0.0) > self.longest_wait_s:
            raise queue.queue_full(job)
        free = max(0, queue.slots - len(queue.running))  # for jobs whose prompt is not built yet
        if queue.length >= self._most_waiting + free and not queue.drop_newest_for(job):
            raise queue.queue_full(job)
        queue.enqueue(job)
        return job

    @asynccontextmanager
    async def entered(
        self, model: str, caller: str, size: Size, deadline_s: float | None = None
    ) -> AsyncIterator[Job]:
        """Put a job in a model's queue, and take it out at the end. Raises as `enter` does."""
        with self.enter(model, caller, size, deadline_s) as job:
            yield job

    def statuses(self) -> Iterator[tuple[str, QueueStatus]]:
        """Yield the status of each model's queue, for the models that had a job."""
        for model, queue in self._queues.items():
            yield model, queue.status()
