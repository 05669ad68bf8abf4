"""Host and process metrics that every service exports beside its own.

They cover the disk, memory, certificates and backups of the service's host, so that no other
exporter is needed there. Not covered: limits of cgroups v1, and other hosts. Everything is read at
each scrape, outside the event loop.
"""

import asyncio
import os
import shutil
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from prometheus_client import CollectorRegistry, Gauge, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from shared.host_memory import read_memory
from shared.settings import WatchSettings
from shared.worker_metrics import ServiceProcesses, WorkersRegistry

CERTIFICATE_LOOK_S = 300.0
"""A certificate is looked at this often; Prometheus asks more often than it can change."""
CONNECT_TIMEOUT_S = 2.0


class HostMetrics:
    """Metrics of one process: add metrics to `registry`, set `parts`, render them all.

    `parts` is the availability of the service's dependencies: 1 or 0 by name.
    """

    def __init__(self, registry: CollectorRegistry, watch: WatchSettings) -> None:
        self.registry = registry
        self.parts = Gauge(
            "part_up",
            "1 while a part the service depends on answers.",
            ["part"],
            registry=registry,
            multiprocess_mode="mostrecent",
        )
        shared = isinstance(registry, WorkersRegistry)
        registry.register(
            ServiceProcesses(os.getppid()) if shared else ProcessCollector(registry=None)
        )
        registry.register(HostCollector(watch))

    async def text(self) -> bytes:
        """Return everything in Prometheus's text format."""
        return await asyncio.to_thread(generate_latest, self.registry)


class HostCollector:
    """Collector of the host's metrics (prometheus_client's interface)."""

    def __init__(self, watch: WatchSettings) -> None:
        self._watch = watch
        self._certificates = [ServedCertificate(address) for address in watch.certificates]

    def describe(self) -> list[Metric]:
        """Return nothing: otherwise registering would already collect."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield metrics of the disk, the memory, the load, the certificates and the backups."""
        free = GaugeMetricFamily("disk_free_bytes", "Left for us on a disk.", labels=["path"])
        size = GaugeMetricFamily("disk_size_bytes", "Size of a disk.", labels=["path"])
        usage = shutil.disk_usage(existing(self._watch.disk))
        free.add_metric([str(self._watch.disk)], usage.free)
        size.add_metric([str(self._watch.disk)], usage.total)
        yield from (free, size)
        memory = read_memory()
        yield GaugeMetricFamily(
            "memory_available_bytes", "Memory still to be had.", value=memory.available_bytes
        )
        yield GaugeMetricFamily("memory_size_bytes", "Memory in all.", value=memory.total_bytes)
        yield GaugeMetricFamily("machine_load", "Load of a minute.", value=os.getloadavg()[0])
        yield GaugeMetricFamily("machine_cores", "Processor cores.", value=os.cpu_count() or 1)
        yield from self._ends()
        yield from self._backups()

    def _ends(self) -> Iterator[Metric]:
        end = GaugeMetricFamily(
            "certificate_expiry_timestamp_seconds",
            "End of the certificate served at an address.",
            labels=["address"],
        )
        read = GaugeMetricFamily(
            "certificate_readable", "1 while an address serves one.", labels=["address"]
        )
        for certificate in self._certificates:
            ends_s = certificate.ends_s()
            read.add_metric([certificate.address], ends_s is not None)
            if ends_s is not None:
                end.add_metric([certificate.address], ends_s)
        yield from (end, read)

    def _backups(self) -> Iterator[Metric]:
        made = GaugeMetricFamily(
            "backup_last_success_timestamp_seconds",
            "When a backup last succeeded, by what it holds.",
            labels=["what"],
        )
        folder = self._watch.backups
        if folder and folder.is_dir():
            for stamp in sorted(folder.iterdir()):
                made.add_metric([stamp.name], stamp.stat().st_mtime)
        yield made


class ServedCertificate:
    """The certificate a server presents, which stays the old one after a renewal without reload."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._looked_s = float("-inf")
        self._ends_s: float | None = None

    def ends_s(self) -> float | None:
        """Return the end of its validity (seconds since 1970), None when no server answers."""
        now_s = time.monotonic()
        if now_s - self._looked_s >= CERTIFICATE_LOOK_S or self._ends_s is None:
            self._ends_s = self._look()
            self._looked_s = now_s
        return self._ends_s

    def _look(self) -> float | None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False  # an expired one must be read too; nothing is sent to it
        context.verify_mode = ssl.CERT_NONE
        try:
            with (
                socket.create_connection((self._host, self._port), CONNECT_TIMEOUT_S) as line,
                context.wrap_socket(line, server_hostname=self._host) as secure,
            ):
                shown = secure.getpeercert(binary_form=True)
        except OSError:
            return None
        if not shown:
            return None
        return x509.load_der_x509_certificate(shown).not_valid_after_utc.timestamp()


def existing(path: Path) -> Path:
    """Return `path`, or the nearest folder above it that exists."""
    return next(folder for folder in (path, *path.parents) if folder.exists())
