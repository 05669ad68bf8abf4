"""Who writes next, on a clock that moves only when told to."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from prometheus_client import CollectorRegistry

from ai_core.errors import DeadlineMissed, DeadlineTooShort, QueueFull
from ai_core.metrics import SchedulerMetrics
from ai_core.models.scheduler import Job, Scheduler
from ai_core.models.speeds import AnswerLengths, Size
from shared.clock import StoppedClock

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
READ_S, WRITE_S = 0.01, 0.1
"""The model of these tests: seconds to read a token, and to write one, whatever else it writes."""


@dataclass
class Service:
    """A model that writes at a steady pace, and the jobs it was given."""

    slots: int = 1
    most_waiting: int = 64
    longest_wait_s: float = 10_000.0
    clock: StoppedClock = field(default_factory=lambda: StoppedClock(NOON))
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self.scheduler = Scheduler(
            self.clock,
            SchedulerMetrics(self.registry),
            most_waiting=self.most_waiting,
            longest_wait_s=self.longest_wait_s,
        )
        self.open: list[Job] = []
        self.started_at_s: dict[Job, float] = {}

    def ask(
        self, caller: str, prompt: int = 100, new: int = 40, deadline_s: float | None = None
    ) -> Job:
        size = Size(prompt, new)
        job = self.scheduler.enter("mistral", caller, size, deadline_s)
        job.mark_ready(size, self.slots)
        self.open.append(job)
        return job

    def pass_s(self, seconds: float) -> None:
        self.clock.set(self.clock.now() + timedelta(seconds=seconds))

    def writing(self) -> list[Job]:
        return [job for job in self.open if job.started.is_set() and not job.dropped]

    def until(self, over: Callable[[], bool], step_s: float = 0.05) -> None:
        """Let the model write until `over`, every job to its limit."""
        while not over():
            for job in self.writing():
                self.started_at_s.setdefault(job, self.clock.elapsed_s())
            self.pass_s(step_s)
            for job in self.writing():
                self._write(job)

    def _write(self, job: Job) -> None:
        since_s = self.clock.elapsed_s() - self.started_at_s[job]
        due = int((since_s - job.size.prompt_tokens * READ_S) / WRITE_S + 1e-6) + 1
        while since_s >= job.size.prompt_tokens * READ_S - 1e-6 and job.written_tokens < due:
            job.record_tokens(1, job.size.prompt_tokens)
            if job.written_tokens >= job.size.new_tokens:
                self.end(job)
                return

    def end(self, job: Job) -> None:
        job.finish(cut=True)
        self.open.remove(job)
        job.__exit__(None, None, None)

    def warm_up(self) -> None:
        """Let it measure itself."""
        for _ in range(3):
            job = self.ask("nobody")
            self.until(lambda job=job: job not in self.open)  # type: ignore[misc]


async def test_a_job_starts_at_once_while_there_is_a_slot() -> None:
    service = Service(slots=2)

    jobs = [service.ask("a"), service.ask("a"), service.ask("a")]

    assert [job.started.is_set() for job in jobs] == [True, True, False]


async def test_a_slot_that_gets_free_goes_to_the_next_one() -> None:
    service = Service()
    first, second = service.ask("a"), service.ask("a")

    service.end(first)

    assert await second.wait_for_slot(timeout_s=0)


async def test_leaving_the_queue_frees_its_place_at_once() -> None:
    service = Service(most_waiting=1)
    service.ask("a")
    with service.ask("a"), pytest.raises(QueueFull):
        service.ask("a")
    service.ask("a")

    waiting = service.registry.get_sample_value("num_requests_waiting", {"model": "mistral"})
    assert waiting == 1


async def test_the_caller_served_least_goes_first_whatever_the_order_of_arrival() -> None:
    service = Service()
    for _ in range(4):
        service.ask("greedy")
    modest = service.ask("modest")

    service.end(service.open[0])

    assert modest.started.is_set()


async def test_a_caller_who_asked_for_nothing_for_a_while_saved_nothing_up() -> None:
    service = Service()
    service.warm_up()
    for _ in range(10):
        service.end(service.ask("steady"))
    held = service.ask("steady")
    for _ in range(4):
        service.ask("late")
    for _ in range(4):
        service.ask("steady")

    order = []
    service.end(held)
    while service.writing():
        job = service.writing()[0]
        order.append(job.caller)
        service.end(job)

    assert set(order[:3]) == {"late", "steady"}


async def test_a_caller_alone_takes_every_slot() -> None:
    service = Service(slots=4)
    flood = [service.ask("flood") for _ in range(9)]

    assert sum(job.started.is_set() for job in flood) == 4


async def test_of_several_slots_one_is_kept_for_who_holds_none() -> None:
    service = Service(slots=4)
    service.end(service.ask("other"))
    flood = [service.ask("flood") for _ in range(9)]
    other = service.ask("other")

    assert sum(job.started.is_set() for job in flood) == 3
    assert other.started.is_set()


async def test_a_full_queue_drops_the_newest_job_of_who_has_most_there() -> None:
    service = Service(most_waiting=4)
    service.warm_up()
    flood = [service.ask("flood") for _ in range(5)]

    other = service.ask("other")

    with pytest.raises(QueueFull):
        await flood[-1].wait_for_slot(timeout_s=1)
    assert not other.dropped
    with pytest.raises(QueueFull):
        service.ask("flood")


async def test_a_wait_longer_than_anybody_stays_is_refused() -> None:
    service = Service(longest_wait_s=8)
    service.warm_up()
    service.ask("a")
    service.ask("a")

    with pytest.raises(QueueFull) as refused:
        service.ask("a")

    assert refused.value.retry_after_s == pytest.approx(10, rel=0.1)


async def test_the_estimated_wait_is_what_it_comes_to() -> None:
    service = Service(slots=4)
    service.warm_up()
    for number in range(12):
        service.ask(f"caller {number % 3}", prompt=50 + 40 * number, new=20 + 5 * number)
    asked_s = service.clock.elapsed_s()
    last = service.ask("caller 0")
    estimated_s = last.estimate().wait_s

    service.until(last.started.is_set)

    assert estimated_s == pytest.approx(service.clock.elapsed_s() - asked_s, rel=0.25)


async def test_a_deadline_that_cannot_be_met_says_when_it_could_be() -> None:
    service = Service()
    service.warm_up()
    service.ask("a")
    service.ask("a")

    with pytest.raises(DeadlineMissed) as refused:
        service.ask("b", deadline_s=service.clock.elapsed_s() + 7)

    # 100 tokens at 0.01 s and 40 at 0.1 s are 5 s; the turn comes in 5 s, so 10 s where 7 are left
    assert refused.value.retry_after_s == pytest.approx(3, rel=0.25)
    assert service.ask("b", deadline_s=service.clock.elapsed_s() + 12)


async def test_a_retry_after_the_given_wait_is_admitted() -> None:
    service = Service(most_waiting=6)
    service.warm_up()
    for _ in range(7):
        service.ask("a")
    deadline_s = 9.0
    with pytest.raises(DeadlineMissed) as refused:
        service.ask("a", deadline_s=service.clock.elapsed_s() + deadline_s)
    wait_s = refused.value.retry_after_s or 0.0

    back_s = service.clock.elapsed_s() + wait_s
    service.until(lambda: service.clock.elapsed_s() >= back_s * 1.05)

    assert service.ask("a", deadline_s=service.clock.elapsed_s() + deadline_s)


@pytest.mark.parametrize("others", [0, 3])
async def test_a_deadline_the_model_never_meets_is_too_short_and_not_for_later(
    others: int,
) -> None:
    service = Service()
    service.warm_up()
    for _ in range(others):
        service.ask("a")

    with pytest.raises(DeadlineTooShort) as refused:  # 5 s, as above
        service.ask("b", deadline_s=service.clock.elapsed_s() + 4)

    assert not refused.value.retryable
    needed_ms = refused.value.facts["needed_ms"]
    assert needed_ms == pytest.approx(5_000, rel=0.25)
    service.until(lambda: all(job.finished_at_s for job in service.open))
    assert service.ask("b", deadline_s=service.clock.elapsed_s() + 6)


async def test_a_model_never_measured_refuses_no_deadline() -> None:
    assert Service().ask("a", deadline_s=0.001)


async def test_a_job_still_waiting_when_its_deadline_cannot_be_met_is_dropped() -> None:
    service = Service()
    service.ask("a")
    waiting = service.ask("b", deadline_s=service.clock.elapsed_s() + 0.01)

    with pytest.raises(DeadlineMissed):
        await waiting.wait_for_slot(timeout_s=5)


async def test_a_job_learns_its_place_while_it_waits() -> None:
    service = Service()
    service.warm_up()
    for _ in range(3):
        service.ask("a")

    estimate = service.open[-1].estimate()

    assert estimate.position == 1
    assert estimate.wait_s == pytest.approx(10, rel=0.05)


async def test_before_anything_is_measured_no_wait_is_made_up() -> None:
    service = Service()
    service.ask("a")

    assert service.ask("a").estimate().wait_s is None


async def test_the_status_of_a_queue_counts_who_waits_and_who_writes() -> None:
    service = Service(slots=2)
    service.warm_up()
    for _ in range(5):
        service.ask("a")

    [(model, status)] = service.scheduler.statuses()

    assert (model, status.waiting, status.running) == ("mistral", 3, 2)
    assert status.wait_s == pytest.approx(5, rel=0.1)


async def test_a_refusal_with_a_full_queue_takes_less_than_a_hundredth_of_a_second() -> None:
    service = Service(slots=4, most_waiting=64)
    service.warm_up()
    for number in range(68):
        service.ask(f"caller {number}")
    clock = asyncio.get_running_loop()

    started_s = clock.time()
    refused = 0
    for number in range(100):
        try:
            service.ask(f"late {number}")
        except QueueFull:
            refused += 1

    assert refused == 100
    assert clock.time() - started_s < 100 * 0.02


jobs = some.lists(
    some.tuples(some.sampled_from("abcd"), some.integers(1, 400), some.integers(1, 80)),
    min_size=1,
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(jobs=jobs, slots=some.integers(1, 6))
async def test_every_job_let_in_is_served_and_none_exceeds_the_slots(
    jobs: list[tuple[str, int, int]], slots: int
) -> None:
    service = Service(slots=slots)
    asked = [service.ask(caller, prompt, new) for caller, prompt, new in jobs]

    while service.writing():
        assert len(service.writing()) <= slots
        service.end(service.writing()[0])

    assert all(job.started.is_set() for job in asked)


@settings(max_examples=40, deadline=None)
@given(
    slots=some.integers(1, 6),
    prompt=some.integers(10, 400),
    new=some.integers(1, 60),
    flooding=some.integers(20, 60),
)
async def test_under_a_flood_another_caller_waits_for_one_job_at_most(
    slots: int, prompt: int, new: int, flooding: int
) -> None:
    service = Service(slots=slots, most_waiting=200)
    service.warm_up()
    for _ in range(flooding):
        service.ask("flood", prompt, new)
    asked_s = service.clock.elapsed_s()
    other = service.ask("other", prompt, new)

    service.until(other.started.is_set)

    one_job_s = prompt * READ_S + new * WRITE_S
    assert service.clock.elapsed_s() - asked_s <= one_job_s + 0.1


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(data=some.data())
async def test_two_callers_who_always_wait_are_served_the_same_tokens(
    data: some.DataObject,
) -> None:
    service = Service(slots=2, most_waiting=500)
    sizes = some.tuples(some.integers(1, 300), some.integers(1, 60))
    for caller, count in (("a", 60), ("b", 60)):
        for prompt, new in data.draw(some.lists(sizes, min_size=count, max_size=count)):
            service.ask(caller, prompt, new)

    served_tokens = {"a": 0, "b": 0}
    while len({job.caller for job in service.open if not job.started.is_set()}) == 2:
        job = service.writing()[0]
        job.record_tokens(job.size.new_tokens, job.size.prompt_tokens)
        served_tokens[job.caller] += job.size.prompt_tokens + job.size.new_tokens
        service.end(job)

    assert abs(served_tokens["a"] - served_tokens["b"]) <= 3 * 360


def test_answers_cut_at_their_limit_count_as_longer_than_it() -> None:
    lengths = AnswerLengths()
    for _ in range(10):
        lengths.record(50, cut=True)
        lengths.record(100, cut=False)

    assert lengths.expected(50) == pytest.approx(50)
    assert lengths.expected(1_000) == pytest.approx(100)
    assert lengths.expected_more(60, 1_000) == pytest.approx(40)


def test_an_unknown_length_is_taken_as_the_limit() -> None:
    assert AnswerLengths().expected(800) == 800
