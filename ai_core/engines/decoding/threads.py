"""The number of compute threads, on a machine shared with other processes.

ggml's threads synchronize some hundred times per step. When another process takes a core, the
thread on it makes all others wait for whole scheduler slices: 147 tokens/s became 4 with one of two
cores taken, where a single thread reaches 50. So threads that do not get their core are given up
once they have lost what giving them up would cost, and taken back when the machine has been idle
long enough. A core taken for some milliseconds, as by the process that reads the answers, changes
nothing.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LOST_CORES = 0.35
"""Above this share of a core lost to other processes, fewer threads are faster."""
LOST_S = 0.15
"""Core seconds that may be lost, in consecutive windows, before threads are given up."""
IDLE_SHARE = 0.5
"""Idle share of a core at which a thread is taken back."""
_WINDOW_S = 0.05
_MIN_HOLD_S = 0.5
_MAX_HOLD_S = 30.0
_STABLE_S = 3.0
_REST_S = 1.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_IDLE_FIELDS = (3, 4)  # idle and iowait in proc_stat(5)
_COUNTED_FIELDS = 8  # guest time is in user time already


def available_cores() -> int:
    """Return the cores this process may use: its affinity, limited by the cgroup's quota."""
    allowed = len(os.sched_getaffinity(0))
    quota = _cgroup_quota()
    return max(1, min(allowed, int(quota))) if quota else allowed


def _cgroup_quota(root: Path = Path("/sys/fs/cgroup")) -> float:
    """Return the quota in cores of the control group (v2, then v1); 0 when there is none."""
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


def total_cpu_s() -> float:
    """Return the CPU seconds of all processes on the cores we may use, since boot.

    0 where the system has no /proc/stat.
    """
    try:
        lines = Path("/proc/stat").read_text().splitlines()
    except OSError:
        return 0.0
    allowed = {f"cpu{core}" for core in os.sched_getaffinity(0)}
    ticks = 0
    for line in lines:
        name, *fields = line.split()
        if name in allowed:
            counted = [int(field) for field in fields[:_COUNTED_FIELDS]]
            ticks += sum(counted) - sum(counted[at] for at in _IDLE_FIELDS)
    return ticks / _TICKS_PER_S


@dataclass(frozen=True, slots=True)
class CpuUsage:
    """Seconds since some start: wall clock, CPU time of this process, CPU time of all."""

    wall_s: float
    own_s: float
    all_s: float


def read_cpu_usage() -> CpuUsage:
    """Read the clock and the CPU times."""
    return CpuUsage(time.monotonic(), time.process_time(), total_cpu_s())


class ThreadGovernor:
    """Chooses the number of threads, `threads`, from the measured duration of each step.

    A rise that is reverted within seconds doubles the wait before the next one.
    """

    def __init__(
        self, max_threads: int, read_usage: Callable[[], CpuUsage] = read_cpu_usage
    ) -> None:
        self.threads = max_threads
        self._max_threads = max_threads
        self._read_usage = read_usage
        self._wall_s = self._own_s = self._lost_s = 0.0
        self._usage = read_usage()
        self._stepped_s = 0.0
        self._raised_s = 0.0
        self._hold_s = _MIN_HOLD_S

    def before_step(self) -> None:
        """After a rest, check whether other processes still use the cores given up."""
        if self.threads < self._max_threads and time.monotonic() - self._stepped_s > _REST_S:
            self._use_idle_cores(self._read_usage())

    def record_step(self, wall_s: float, own_s: float) -> None:
        """Record a step's duration and CPU time, and change `threads` if they call for it."""
        self._stepped_s = time.monotonic()
        if self.threads > 1:
            self._wall_s += wall_s
            self._own_s += own_s
            if self._wall_s >= _WINDOW_S:
                self._close_window()
        if self.threads < self._max_threads:
            self._rise_when_idle()

    def _close_window(self) -> None:
        lost_s = self.threads * self._wall_s - self._own_s
        lost_cores = lost_s / self._wall_s
        self._lost_s = self._lost_s + lost_s if lost_cores > LOST_CORES else 0.0
        self._wall_s = self._own_s = 0.0
        if self._lost_s > LOST_S:
            self._lost_s = 0.0
            self._fall(lost_cores)

    def _fall(self, lost_cores: float) -> None:
        self.threads = max(1, self.threads - max(1, round(lost_cores)))
        self._usage = self._read_usage()
        soon = self._usage.wall_s - self._raised_s < _STABLE_S
        self._hold_s = min(_MAX_HOLD_S, 2 * self._hold_s) if soon else _MIN_HOLD_S

    def _rise_when_idle(self) -> None:
        now = self._read_usage()
        before = self.threads
        if now.wall_s - self._usage.wall_s < self._hold_s:
            return
        self._use_idle_cores(now)
        if self.threads > before:
            self._raised_s = now.wall_s

    def _use_idle_cores(self, now: CpuUsage) -> None:
        """Set `threads` to the cores that other processes left idle since the last reading."""
        elapsed_s = now.wall_s - self._usage.wall_s
        if elapsed_s < _WINDOW_S:
            return
        others_s = (now.all_s - self._usage.all_s) - (now.own_s - self._usage.own_s)
        self._usage = now
        free = int(self._max_threads - max(0.0, others_s / elapsed_s) + 1 - IDLE_SHARE)
        self.threads = max(1, min(self._max_threads, free))
