"""Metrics of a service whose port several worker processes share.

A scrape reaches one of them and tells of all. prometheus_client keeps the values of each process in
files of one folder (its multiprocess mode, which PROMETHEUS_MULTIPROC_DIR turns on before its first
import): counters outlive the process that counted, so none goes back when a worker is replaced.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
SUMMED = frozenset(
    {
        "process_virtual_memory_bytes",
        "process_resident_memory_bytes",
        "process_cpu_seconds",
        "process_open_fds",
    }
)


class WorkersRegistry(CollectorRegistry):
    """Collects the metrics of every worker from `folder`, and those read at a scrape from here."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._files = MultiProcessCollector(None, folder)  # type: ignore[no-untyped-call]  # no types
        self._read_here: list[Collector] = []

    def register(self, collector: Collector) -> None:
        """Add a metric, or a collector whose metrics are the same whichever worker reads them."""
        if isinstance(collector, MetricWrapperBase):
            super().register(collector)
        else:
            self._read_here.append(collector)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of all workers."""
        yield from self._files.collect()  # type: ignore[no-untyped-call]  # no types
        for collector in self._read_here:
            yield from collector.collect()


def new_registry() -> CollectorRegistry:
    """Return the registry of this process: of all workers, where it is one of several."""
    folder = os.environ.get(VARIABLE)
    return WorkersRegistry(folder) if folder else CollectorRegistry()


class ServiceProcesses(Collector):
    """The process metrics of a parent and its workers together.

    They begin when the parent did. Memory and file descriptors are sums, in which pages that are
    shared count once for each process; processor time includes the workers that have ended.
    """

    def __init__(self, parent: int) -> None:
        self._parent = parent

    def describe(self) -> list[Metric]:
        """Return nothing: otherwise registering would already collect."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the sums."""
        workers = children_of(self._parent)
        yield GaugeMetricFamily("workers", "Processes that share the port.", value=len(workers))
        totals = {metric.name: metric for metric in _metrics_of(self._parent)}
        sums = {name: totals[name].samples[0].value for name in totals}
        for pid in workers:
            for metric in _metrics_of(pid):
                if metric.name in SUMMED and metric.name in sums:
                    sums[metric.name] += metric.samples[0].value
        for name, metric in totals.items():
            if metric.type == "counter":
                ended_s = ended_children_s(self._parent)
                yield CounterMetricFamily(name, metric.documentation, value=sums[name] + ended_s)
            else:
                yield GaugeMetricFamily(name, metric.documentation, value=sums[name])


def children_of(pid: int) -> list[int]:
    """Return the workers of a parent: its children that run the same program (proc(5))."""
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(child) for child in found.split() if _is_worker(int(child))]


def ended_children_s(pid: int) -> float:
    """Return the processor time of a process's children that have ended, in seconds."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def _is_worker(pid: int) -> bool:
    """Whether a child is a worker: multiprocessing's resource tracker is none."""
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _metrics_of(pid: int) -> list[Metric]:
    return list(ProcessCollector(pid=lambda: pid, registry=None).collect())
