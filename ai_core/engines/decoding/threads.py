"""How many threads to compute with, on a machine that others use too.

ggml's threads wait for one another some hundred times a step. When another process takes a core,
the thread that shares it makes all others wait for whole scheduler slices: 147 tokens/s became 4
with one of two cores taken, where a single thread writes 50. So threads that do not get their core
are given up once they have lost what giving them up would cost, and taken back when the machine has
been idle enough. A core taken for some milliseconds, as by whoever reads the answers, changes
nothing.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LOST_CORES = 0.35
"""From this share of a core that our threads wanted and others had, fewer threads write more."""
LOST_S = 0.15
"""So much of the cores may be lost, in windows one after the other, before threads are given up."""
IDLE_ENOUGH = 0.5
"""A thread is taken back when others leave it so much of a core."""
_WINDOW_S = 0.05
_LOOK_S = 0.5
_LONGEST_HOLD_S = 30.0
_SETTLED_S = 3.0
_REST_S = 1.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_IDLE_FIELDS = (3, 4)  # idle and iowait in proc_stat(5)
_COUNTED_FIELDS = 8  # guest time is in user time already


def cores() -> int:
    """Return how many cores this process may use: affinity, and the control group's quota."""
    allowed = len(os.sched_getaffinity(0))
    quota = _quota()
    return max(1, min(allowed, int(quota))) if quota else allowed


def _quota(root: Path = Path("/sys/fs/cgroup")) -> float:
    """Return the control group's quota in cores, 0 when there is none (version 2, then 1)."""
    try:
        limit, period = (root / "cpu.max").read_text().split()
        return 0.0 if limit == "max" else int(limit) / int(period)
    except (OSError, ValueError):
        pass
    try:
        limit = (root / "cpu" / "cpu.cfs_quota_us").read_text()
        period = (root / "cpu" / "cpu.cfs_period_us").read_text()
        return max(0.0, int(limit) / int(period))
    except (OSError, ValueError):
        return 0.0


def busy_s() -> float:
    """Return the seconds all processes have used on the cores we may use, since the start.

    0 where the system does not tell.
    """
    try:
        lines = Path("/proc/stat").read_text().splitlines()
    except OSError:
        return 0.0
    ours = {f"cpu{core}" for core in os.sched_getaffinity(0)}
    ticks = 0
    for line in lines:
        name, *fields = line.split()
        if name in ours:
            counted = [int(field) for field in fields[:_COUNTED_FIELDS]]
            ticks += sum(counted) - sum(counted[at] for at in _IDLE_FIELDS)
    return ticks / _TICKS_PER_S


@dataclass(frozen=True, slots=True)
class Usage:
    """Seconds since some start: on the clock, of our process's cores, of everyone's."""

    wall_s: float
    ours_s: float
    all_s: float


def usage() -> Usage:
    """Look at the clock and at who used the cores."""
    return Usage(time.monotonic(), time.process_time(), busy_s())


class Pace:
    """The number of threads to use; told after each step what the step took.

    `wall_s` and `ours_s` of `took` are the step's length and what our threads got of the cores.
    A rise that is taken back within seconds makes the next one wait twice as long. After a rest,
    `wake` looks whether others still use the cores that were given up.
    """

    def __init__(self, most: int, look: Callable[[], Usage] = usage) -> None:
        self.threads = most
        self._most = most
        self._look = look
        self._wall_s = self._ours_s = self._lost_s = 0.0
        self._looked = look()
        self._stepped_s = 0.0
        self._rose_at_s = 0.0
        self._hold_s = _LOOK_S

    def wake(self) -> None:
        """Settle the number of threads before a step that follows a rest."""
        if self.threads < self._most and time.monotonic() - self._stepped_s > _REST_S:
            self._settle(self._look())

    def took(self, wall_s: float, ours_s: float) -> None:
        """Take note of a step, and change `threads` when it should."""
        self._stepped_s = time.monotonic()
        if self.threads > 1:
            self._wall_s += wall_s
            self._ours_s += ours_s
            if self._wall_s >= _WINDOW_S:
                self._look_at_losses()
        if self.threads < self._most:
            self._rise_when_idle()

    def _look_at_losses(self) -> None:
        lost_s = self.threads * self._wall_s - self._ours_s
        lost = lost_s / self._wall_s
        self._lost_s = self._lost_s + lost_s if lost > LOST_CORES else 0.0
        self._wall_s = self._ours_s = 0.0
        if self._lost_s > LOST_S:
            self._lost_s = 0.0
            self._fall(lost)

    def _fall(self, lost: float) -> None:
        self.threads = max(1, self.threads - max(1, round(lost)))
        self._looked = self._look()
        short = self._looked.wall_s - self._rose_at_s < _SETTLED_S
        self._hold_s = min(_LONGEST_HOLD_S, 2 * self._hold_s) if short else _LOOK_S

    def _rise_when_idle(self) -> None:
        now = self._look()
        before = self.threads
        if now.wall_s - self._looked.wall_s < self._hold_s:
            return
        self._settle(now)
        if self.threads > before:
            self._rose_at_s = now.wall_s

    def _settle(self, now: Usage) -> None:
        """Use the cores that others left idle since the last look."""
        passed = now.wall_s - self._looked.wall_s
        if passed < _WINDOW_S:
            return
        others = (now.all_s - self._looked.all_s) - (now.ours_s - self._looked.ours_s)
        self._looked = now
        free = int(self._most - max(0.0, others / passed) + 1 - IDLE_ENOUGH)
        self.threads = max(1, min(self._most, free))
