"""The stores of `./neo run`: found running, or started for the duration of a backup."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from deploy.backup.backup_set import BackupSet
from deploy.backup.errors import BackupFailed
from deploy.local.postgres_server import PostgresServer, runs_over
from deploy.local.redis_server import RedisServer
from deploy.local.server import ServerNotStarted


def postgres_port(data: Path) -> int | None:
    """Return the port of the Postgres that runs over `data`, None when none does."""
    lock = data / "postmaster.pid"
    if not lock.exists():
        return None
    lines = lock.read_text(encoding="ascii").splitlines()
    return int(lines[3]) if runs_over(int(lines[0]), data) else None


def redis_port(folder: Path) -> int | None:
    """Return the port of the Redis that runs over `folder`, None when none answers."""
    settings = folder / "redis.conf"
    if not settings.exists():
        return None
    written = settings.read_text(encoding="utf-8")
    port, password = (
        re.search(rf"^{name} (\S+)$", written, re.MULTILINE) for name in ("port", "requirepass")
    )
    if not port or not password:
        return None
    server = RedisServer(folder, port=int(port[1]), password=password[1])
    return server.port if server.answers() else None


def is_running(backup_set: BackupSet) -> bool:
    """Whether a store of this service runs."""
    postgres = backup_set.postgres_data and postgres_port(backup_set.postgres_data)
    redis = backup_set.redis_data and redis_port(backup_set.redis_data)
    return bool(postgres or redis)


@contextmanager
def reachable(backup_set: BackupSet) -> Iterator[BackupSet]:
    """Yield the backup_set with its stores' addresses; those that do not run are started for the
    duration.

    Raises BackupFailed when one does not start.
    """
    with ExitStack() as stack:
        try:
            yield replace(
                backup_set,
                postgres_url=_postgres_url(backup_set, stack),
                redis_url=_redis_url(backup_set, stack),
            )
        except ServerNotStarted as error:
            raise BackupFailed(str(error)) from error


def _postgres_url(backup_set: BackupSet, stack: ExitStack) -> str:
    if backup_set.postgres_data is None:
        return ""
    folder = backup_set.postgres_data.parent
    name = "postgres-password" if backup_set.name == "ai" else f"{backup_set.name}/password"
    password = (backup_set.root / name).read_text(encoding="utf-8")
    server = PostgresServer(folder, port=postgres_port(backup_set.postgres_data), password=password)
    if postgres_port(backup_set.postgres_data) is None:
        stack.callback(server.stop)
        server.start()
    return server.url()


def _redis_url(backup_set: BackupSet, stack: ExitStack) -> str:
    if backup_set.redis_data is None:
        return ""
    name = "redis-password" if backup_set.name == "ai" else f"{backup_set.name}/password"
    password = (backup_set.root / name).read_text(encoding="utf-8")
    server = RedisServer(
        backup_set.redis_data,
        port=redis_port(backup_set.redis_data),
        password=password,
        queue=backup_set.name != "ai",
    )
    if redis_port(backup_set.redis_data) is None:
        stack.callback(server.stop)
        server.start()
    return server.url
