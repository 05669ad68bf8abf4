"""The stores of `./neo run`: found where they run, or started for the length of a backup."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from deploy.backup.errors import BackupFailed
from deploy.backup.holding import Holding
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


def is_running(holding: Holding) -> bool:
    """Tell whether a store of this service runs."""
    postgres = holding.postgres_data and postgres_port(holding.postgres_data)
    redis = holding.redis_data and redis_port(holding.redis_data)
    return bool(postgres or redis)


@contextmanager
def reachable(holding: Holding) -> Iterator[Holding]:
    """Yield the holding with its stores' addresses; those that do not run are started meanwhile.

    Raises BackupFailed when one does not start.
    """
    with ExitStack() as stack:
        try:
            yield replace(
                holding,
                postgres_url=_postgres_url(holding, stack),
                redis_url=_redis_url(holding, stack),
            )
        except ServerNotStarted as error:
            raise BackupFailed(str(error)) from error


def _postgres_url(holding: Holding, stack: ExitStack) -> str:
    if holding.postgres_data is None:
        return ""
    folder = holding.postgres_data.parent
    password = (folder.parent / "password").read_text(encoding="utf-8")
    server = PostgresServer(folder, port=postgres_port(holding.postgres_data), password=password)
    if postgres_port(holding.postgres_data) is None:
        stack.callback(server.stop)
        server.start()
    return server.url()


def _redis_url(holding: Holding, stack: ExitStack) -> str:
    if holding.redis_data is None:
        return ""
    name = "redis-password" if holding.name == "ai" else f"{holding.name}/password"
    password = (holding.root / name).read_text(encoding="utf-8")
    server = RedisServer(
        holding.redis_data,
        port=redis_port(holding.redis_data),
        password=password,
        queue=holding.name != "ai",
    )
    if redis_port(holding.redis_data) is None:
        stack.callback(server.stop)
        server.start()
    return server.url
