"""Processor time and memory of each part under load, once a second, beside the kills of a soak."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

from tests.load.stack import LOOK_EVERY_S, Stack

PARTS = ("ai_core", "redis", "postgres", "nginx")
MEMORY_EVERY_S = 5.0


@dataclass(frozen=True)
class Kill:
    """When a part was killed, and which."""

    at_s: float
    part: str


@dataclass(frozen=True)
class Memory:
    """What each part holds (PSS: shared pages counted once), in MiB."""

    at_s: float
    mib: dict[str, float]


@dataclass
class Backstage:
    """Watches the parts while the clients ask: restarts, kills, processor time, memory."""

    stack: Stack
    kills_at: Sequence[tuple[float, str]] = ()
    """Seconds after the start, and what to kill then."""
    kills: list[Kill] = field(default_factory=list)
    memory: list[Memory] = field(default_factory=list)
    cpu_s: dict[str, float] = field(default_factory=dict)
    """Processor time used since the start, by part."""
    _seen: dict[tuple[str, int], float] = field(default_factory=dict)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch while the block lasts; what goes wrong meanwhile is raised at its end."""
        over = threading.Event()
        with ThreadPoolExecutor(1) as thread:
            watch = thread.submit(self._watch, over)
            try:
                yield
            finally:
                over.set()
            watch.result()

    def _watch(self, over: threading.Event) -> None:
        began_s = time.monotonic()
        waiting = list(self.kills_at)
        memory = _Every(MEMORY_EVERY_S, self._measure_memory)
        processors = _Every(1.0, self._measure_processors)
        while not over.wait(LOOK_EVERY_S):
            self.stack.look()
            if waiting and time.monotonic() - began_s >= waiting[0][0]:
                self._kill(waiting.pop(0)[1])
            memory.look()
            processors.look()

    def _kill(self, name: str) -> None:
        self._measure_processors()
        at_s = time.monotonic()
        self.kills.append(Kill(at_s, self.stack.kill(name)))

    def _measure_processors(self) -> None:
        for part in PARTS:
            for process in self.stack.processes(part):
                try:
                    times = process.cpu_times()
                except psutil.NoSuchProcess:
                    continue
                now_s = times.user + times.system
                before_s = self._seen.get((part, process.pid))
                self._seen[part, process.pid] = now_s
                if before_s is not None:
                    self.cpu_s[part] = self.cpu_s.get(part, 0.0) + now_s - before_s

    def _measure_memory(self) -> None:
        found = {part: sum(map(_pss_mib, self.stack.processes(part))) for part in PARTS}
        here = {part: round(mib, 1) for part, mib in found.items() if mib}
        self.memory.append(Memory(time.monotonic(), here))


class _Every:
    """Does something each so many seconds."""

    def __init__(self, seconds: float, work: Callable[[], None]) -> None:
        self._seconds = seconds
        self._work = work
        self._next_s = time.monotonic()

    def look(self) -> None:
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + self._seconds
            self._work()


def _pss_mib(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss) / 2**20
    except psutil.Error:
        return 0.0
