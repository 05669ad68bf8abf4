import os
import time
from functools import partial
from operator import add

import pytest

from ai_core.engines.decoding.threads import (
    CpuUsage,
    ThreadGovernor,
    available_cores,
    total_cpu_s,
)


class Machine:
    """Two cores, of which another process uses a share; tells it as the real look does."""

    def __init__(self) -> None:
        self.others = 0.0
        self._now = CpuUsage(0.0, 0.0, 0.0)

    def usage(self) -> CpuUsage:
        return self._now

    def rest(self, wall_s: float, *, others: float) -> None:
        now = self._now
        self._now = CpuUsage(now.wall_s + wall_s, now.own_s, now.all_s + others * wall_s)

    def step(self, governor: ThreadGovernor, wall_s: float) -> None:
        own = min(governor.threads, 2 - self.others / 2 if governor.threads == 2 else 1) * wall_s
        self._now = CpuUsage(
            self._now.wall_s + wall_s,
            self._now.own_s + own,
            self._now.all_s + own + self.others * wall_s,
        )
        governor.record_step(wall_s, own)


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def governor(machine: Machine) -> ThreadGovernor:
    return ThreadGovernor(2, machine.usage)


def test_a_quiet_machine_is_used_whole(machine: Machine, governor: ThreadGovernor) -> None:
    for _ in range(100):
        machine.step(governor, 0.03)
    assert governor.threads == 2


def until_given_up(machine: Machine, governor: ThreadGovernor) -> float:
    """Return how long a core that another process takes is held on to."""
    machine.others = 1.0
    for step in range(1, 100):
        machine.step(governor, 0.06)
        if governor.threads == 1:
            return 0.06 * step
    raise AssertionError("the core is never given up")


def test_a_core_another_process_takes_is_soon_given_up(
    machine: Machine, governor: ThreadGovernor
) -> None:
    assert until_given_up(machine, governor) < 0.4
    for _ in range(100):
        machine.step(governor, 0.1)
    assert governor.threads == 1


def test_a_core_taken_for_moments_is_held_on_to(machine: Machine, governor: ThreadGovernor) -> None:
    for _ in range(100):
        machine.others = 1.0
        machine.step(governor, 0.1)
        machine.others = 0.1
        machine.step(governor, 0.1)
        assert governor.threads == 2


def test_a_core_that_is_free_again_is_taken_back(
    machine: Machine, governor: ThreadGovernor
) -> None:
    until_given_up(machine, governor)
    machine.others = 0.3
    for _ in range(12):
        machine.step(governor, 0.1)
    assert governor.threads == 2


def test_a_core_that_comes_and_goes_is_tried_ever_less(
    machine: Machine, governor: ThreadGovernor
) -> None:
    falls = []
    for step in range(1_200):
        machine.others = 1.0 if governor.threads == 2 else 0.0
        before = governor.threads
        machine.step(governor, 0.1)
        if governor.threads < before:
            falls.append(step)
    assert len(falls) < 12


@pytest.mark.parametrize(("others", "threads"), [(1.0, 1), (0.1, 2)])
def test_a_model_that_gave_up_a_core_looks_after_a_rest_whether_it_is_free(
    machine: Machine,
    governor: ThreadGovernor,
    monkeypatch: pytest.MonkeyPatch,
    others: float,
    threads: int,
) -> None:
    until_given_up(machine, governor)
    machine.rest(2.0, others=others)
    monkeypatch.setattr(time, "monotonic", partial(add, 2.0, time.monotonic()))
    governor.before_step()
    assert governor.threads == threads


def test_a_model_that_rested_while_others_worked_begins_with_all(
    machine: Machine, governor: ThreadGovernor
) -> None:
    machine.rest(20.0, others=1.0)
    governor.before_step()
    assert governor.threads == 2


def test_available_cores_are_within_the_affinity() -> None:
    assert 1 <= available_cores() <= len(os.sched_getaffinity(0))


def test_cpu_time_grows_with_work() -> None:
    before = total_cpu_s()
    assert sum(number * number for number in range(2_000_000)) > 0
    assert total_cpu_s() > before
