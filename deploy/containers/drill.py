"""A lost disk: a stack's stores are backed up, removed with their volumes, and restored."""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deploy.containers.engine import StageFailed
from deploy.containers.stacks import House, until

SUCCEEDED = "/var/lib/neo/backups/succeeded"


@dataclass(frozen=True)
class Loss:
    """A stack to lose: who shows its backups, who else is on its network, how it comes up again.

    `works` tells whether it does what it did before, with what it knew before.
    """

    stack: str
    service: str
    kinds: frozenset[str]
    up: Callable[[House], None]
    works: Callable[[], bool]
    outside: Sequence[str] = ()


@dataclass(frozen=True)
class Drill:
    """Rows of Postgres and keys of Redis before and after, seconds from the empty disk to work."""

    stack: str
    rows: int
    rows_kept: int
    keys: int
    keys_kept: int
    back_s: float


def drill(house: House, loss: Loss) -> Drill:
    """Back a stack up, lose its volumes, restore, and let it work again.

    Raises StageFailed when fewer rows come back, no key does, or nobody is answered.
    """
    engine, stack = house.engine, loss.stack
    house.compose(stack, "--profile", "backup", "up", "--detach", "--no-build", "backup")
    until(lambda: shown(house, loss) == loss.kinds, f"{stack} shows that its backups succeeded")
    name = f"neo-{stack}_backup_1"
    rows, keys = counted(engine.podman("exec", name, "python3", "-m", "deploy.backup", "verify"))
    for outside in loss.outside:
        engine.podman("network", "disconnect", f"neo-{stack}_front", outside)
    house.compose(stack, "--profile", "backup", "down", "--volumes")
    started = time.monotonic()
    told = house.compose(stack, "--profile", "restore", "run", "--rm", "-T", "restore")
    rows_kept, keys_kept = counted(told)
    if rows_kept < rows or bool(keys_kept) < bool(keys):
        raise StageFailed(f"{rows} rows, {keys} keys were backed up; {told.strip()} came back")
    loss.up(house)
    until(loss.works, f"{stack} at work after its restore")
    return Drill(stack, rows, rows_kept, keys, keys_kept, time.monotonic() - started)


def shown(house: House, loss: Loss) -> frozenset[str]:
    """Return the kinds of backups that the service sees."""
    told = house.engine.podman("exec", f"neo-{loss.stack}_{loss.service}_1", "ls", SUCCEEDED)
    return frozenset(told.split())


def counted(told: str) -> tuple[int, int]:
    """Return the rows and the keys a backup's line tells. Raises StageFailed without any."""
    found = re.search(r"(\d+) rows, (\d+) keys", told)
    if not found:
        raise StageFailed(f"no rows and keys told: {told}")
    return int(found[1]), int(found[2])
