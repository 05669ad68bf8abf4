"""The failover of a Redis by a Sentinel, while something writes through it.

Three servers of the drill's own: a master, its replica, and one Sentinel, which is enough to
promote and not enough to survive itself (deploy/kubernetes has three).
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError
from redis.sentinel import Sentinel

from deploy.drill.outcome import Outcome
from deploy.drill.writer import Writer, until
from deploy.local.ports import free_port
from deploy.local.redis_server import RedisServer, find_redis
from deploy.local.server import Server

WRITES = 2_000
MASTER = "neo"
DOWN_AFTER_MS = 1_000
WAIT_MS = 500
TIMEOUT_S = 0.5

SENTINEL = """\
bind 127.0.0.1
port {port}
dir {directory}
sentinel monitor {name} 127.0.0.1 {master} 1
sentinel auth-pass {name} {password}
sentinel down-after-milliseconds {name} {down_after_ms}
sentinel failover-timeout {name} 5000
"""


class SentinelServer(Server):
    """One Sentinel that watches a master."""

    def __init__(self, directory: Path, master: RedisServer) -> None:
        super().__init__("sentinel", directory)
        self.port = free_port()
        self._master = master

    def prepare(self) -> Sequence[str | Path]:
        """Write its configuration; return the command."""
        settings = self.directory / "sentinel.conf"
        settings.touch(mode=0o600)
        text = SENTINEL.format(
            port=self.port,
            directory=self.directory,
            name=MASTER,
            master=self._master.port,
            password=self._master.password,
            down_after_ms=DOWN_AFTER_MS,
        )
        settings.write_text(text, encoding="ascii")
        return [find_redis(), settings, "--sentinel"]

    def answers(self) -> bool:
        """Whether it knows the master and its replica."""
        try:
            with Redis(port=self.port, socket_timeout=TIMEOUT_S) as client:
                return bool(client.sentinel_slaves(MASTER))
        except RedisError:
            return False


@dataclass(frozen=True, slots=True)
class Failover:
    """What was measured, in seconds from the kill of the master."""

    waited: bool
    acknowledged: int
    lost: int
    written_s: float

    @property
    def outcome(self) -> Outcome:
        """Return it for the report: only a write that waited for the replica is promised."""
        kind = "acknowledged by the replica" if self.waited else "acknowledged by the master alone"
        told = (
            f"{self.lost} of {self.acknowledged} writes lost; first write after "
            f"{self.written_s:.2f} s (Sentinel waits {DOWN_AFTER_MS / 1000:.0f} s before that)"
        )
        return Outcome(f"Redis, {kind}", told, not (self.waited and self.lost))


def drill(folder: Path, *, waits: bool) -> Failover:
    """Run the drill in a folder; `waits`: each write waits for the replica (WAIT).

    Raises DrillFailed, ServerNotStarted.
    """
    with _servers(folder) as (master, replica, sentinel):
        found = Sentinel(  # type: ignore[no-untyped-call]  # no types
            [("127.0.0.1", sentinel.port)], socket_timeout=TIMEOUT_S
        )
        client: Redis = found.master_for(  # type: ignore[no-untyped-call]  # no types
            MASTER, password=master.password, socket_timeout=TIMEOUT_S
        )

        alone = threading.Event()

        def write(number: int) -> None:
            client.set(f"drill:{number}", number)
            if waits and not alone.is_set() and client.wait(1, WAIT_MS) < 1:
                raise RedisError("no replica has it")

        writer = Writer(write, (RedisError, OSError))
        writer.start()
        try:
            writer.wait_for(WRITES)
            alone.set()  # the next master has no replica to wait for
            master.kill()
            killed_s = time.monotonic()
            written_s = writer.first_after(killed_s)
        finally:
            writer.stop()
        with Redis(port=replica.port, password=replica.password) as left:
            numbers = range(1, len(writer.acknowledged) + 1)
            values = left.mget([f"drill:{number}" for number in numbers])
    return Failover(waits, len(values), values.count(None), written_s)


@contextmanager
def _servers(folder: Path) -> Iterator[tuple[RedisServer, RedisServer, SentinelServer]]:
    master = RedisServer(folder / "master", queue=True)
    follows = f"replicaof 127.0.0.1 {master.port}\nmasterauth {master.password}\n"
    replica = RedisServer(
        folder / "replica", queue=True, password=master.password, settings=follows
    )
    sentinel = SentinelServer(folder / "sentinel", master)
    started: list[Server] = []
    try:
        for server in (master, replica):
            server.start()
            started.append(server)
        until(lambda: _follows(replica), "replica that follows")
        sentinel.start()
        started.append(sentinel)
        yield master, replica, sentinel
    finally:
        for each in reversed(started):
            each.stop()


def _follows(server: RedisServer) -> bool:
    with Redis(port=server.port, password=server.password) as client:
        return bool(client.info("replication")["master_link_status"] == "up")
