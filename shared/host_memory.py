"""Available and total memory of this host, or of this container where its limit is lower.

Separate from `host_metrics`, because model processes import it and need none of those imports.
"""

from pathlib import Path
from typing import NamedTuple

CGROUP = Path("/sys/fs/cgroup")
MEMINFO = Path("/proc/meminfo")


class Memory(NamedTuple):
    """Bytes that can still be allocated, and bytes in all."""

    available_bytes: int
    total_bytes: int


def read_memory() -> Memory:
    """Return the memory of the host, or of the control group (cgroup v2) when that has less.

    A container is killed at its own `memory.max`, however much the host has
    (https://docs.kernel.org/admin-guide/cgroup-v2.html). File pages not in use count as available,
    as they do in /proc/meminfo. Blocks on the disk. Raises OSError where there is no /proc.
    """
    lines = dict(line.split(":", 1) for line in MEMINFO.read_text("ascii").splitlines())
    available, total = (int(lines[name].split()[0]) * 1024 for name in ("MemAvailable", "MemTotal"))
    try:
        limit = int((CGROUP / "memory.max").read_text("ascii"))  # "max" (no limit) is no number
        used = int((CGROUP / "memory.current").read_text("ascii"))
        stat = (CGROUP / "memory.stat").read_text("ascii").splitlines()
        reclaimable = int(dict(line.split() for line in stat)["inactive_file"])
    except (OSError, ValueError, KeyError):
        return Memory(available, total)
    if limit >= total:
        return Memory(available, total)
    return Memory(max(0, min(available, limit - used + reclaimable)), limit)
