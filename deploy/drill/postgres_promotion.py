"""The promotion of a standby, while the mailbox's service runs and something writes.

Two Postgres of the drill's own, so that nothing of a running installation is touched. The service
and the writer know both by one address (`HOST:PORT,HOST:PORT`, `target_session_attrs=read-write`):
nothing is configured anew when the standby takes over.
"""

import asyncio
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Self

import asyncpg

from deploy.backup.store import PostgresClient, connection
from deploy.drill.outcome import Outcome
from deploy.drill.standby import StandbyServer
from deploy.drill.store import CREATE, FOLLOWED_BY, FOLLOWED_BY_STANDBY, INSERT, NUMBERS
from deploy.drill.writer import Writer, until
from deploy.local.ports import free_port
from deploy.local.postgres_server import ROLE, PostgresServer
from deploy.local.private_files import secret
from deploy.local.program import Program
from deploy.local.redis_server import RedisServer
from deploy.local.services import vault_key

WRITES = 400
STATEMENT_TIMEOUT_S = 3.0
LOST = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)


@dataclass(frozen=True, slots=True)
class Promotion:
    """What was measured, in seconds from the kill of the primary."""

    synchronous: bool
    acknowledged: int
    lost: int
    promoted_s: float
    written_s: float
    ready_s: float

    @property
    def outcome(self) -> Outcome:
        """Return it for the report: only a synchronous standby promises to lose nothing."""
        kind = "synchronous" if self.synchronous else "asynchronous"
        told = (
            f"{self.lost} of {self.acknowledged} acknowledged rows lost; promoted after "
            f"{self.promoted_s:.2f} s, first write after {self.written_s:.2f} s, mail_service "
            f"ready after {self.ready_s:.2f} s"
        )
        return Outcome(f"Postgres, {kind}", told, not (self.synchronous and self.lost))


class Numbers:
    """Writes numbers to whichever of the servers takes writes, over one connection."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._loop = asyncio.new_event_loop()
        self._db: asyncpg.Connection | None = None

    def write(self, number: int) -> None:
        """Insert a number, unless it is there. Raises one of LOST."""
        self._loop.run_until_complete(self._insert(number))

    def close(self) -> None:
        """Drop the connection."""
        if self._db:
            self._db.terminate()
            self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _insert(self, number: int) -> None:
        async with asyncio.timeout(STATEMENT_TIMEOUT_S):
            if self._db is None or self._db.is_closed():
                self._db = await asyncpg.connect(self._url, ssl=False)
            await self._db.execute(INSERT, number)


def drill(folder: Path, *, synchronous: bool) -> Promotion:
    """Run the drill in a folder. Raises DrillFailed, ServerNotStarted."""
    with _servers(folder) as pair:
        if synchronous:
            pair.primary_client.query(FOLLOWED_BY_STANDBY)
        state = "sync" if synchronous else "async"
        follows = FOLLOWED_BY.format(state=state)
        until(lambda: pair.primary_client.query(follows) == ["1"], f"{state} standby")
        pair.primary_client.query(CREATE)
        with _mailbox(folder, pair.url()) as ready:
            return _promote(pair, ready, synchronous=synchronous)


def _promote(pair: "Pair", ready: str, *, synchronous: bool) -> Promotion:
    numbers = Numbers(pair.url())
    writer = Writer(numbers.write, LOST)
    writer.start()
    try:
        writer.wait_for(WRITES)
        pair.primary.kill()
        killed_s = time.monotonic()
        pair.standby.promote()
        promoted_s = time.monotonic() - killed_s
        written_s = writer.first_after(killed_s)
        until(lambda: _answers(ready), "ready mail_service")
        ready_s = time.monotonic() - killed_s
    finally:
        writer.stop()
        numbers.close()
    client = PostgresClient(connection(pair.standby.url()))
    found = set(map(int, client.query(NUMBERS)))
    acknowledged = len(writer.acknowledged)
    lost = len(set(range(1, acknowledged + 1)) - found)
    return Promotion(synchronous, acknowledged, lost, promoted_s, written_s, ready_s)


@dataclass(frozen=True, slots=True)
class Pair:
    """A primary, and a standby that follows it."""

    primary: PostgresServer
    standby: StandbyServer

    @classmethod
    def started(cls, folder: Path) -> Self:
        """Start both. Raises ServerNotStarted."""
        primary = PostgresServer(folder / "primary", safe=False)
        primary.start()
        try:
            standby = StandbyServer(folder / "standby", primary)
            standby.start()
        except BaseException:
            primary.stop()
            raise
        return cls(primary, standby)

    @property
    def primary_client(self) -> PostgresClient:
        """Return a client of the primary."""
        return PostgresClient(connection(self.primary.url()))

    def url(self) -> str:
        """Return the address of whichever takes writes, for asyncpg and libpq: a secret."""
        hosts = ",".join(f"127.0.0.1:{each.port}" for each in (self.primary, self.standby))
        return (
            f"postgresql://{ROLE}:{self.primary.password}@{hosts}/postgres"
            "?target_session_attrs=read-write"
        )


@contextmanager
def _servers(folder: Path) -> Iterator[Pair]:
    pair = Pair.started(folder)
    try:
        yield pair
    finally:
        pair.standby.stop()
        pair.primary.stop()


@contextmanager
def _mailbox(folder: Path, postgres_url: str) -> Iterator[str]:
    """Run mail_service over the pair; yield the address that tells whether it is ready."""
    redis = RedisServer(folder / "redis", queue=True)
    redis.start()
    port = free_port()
    environment = {
        "MAIL_REDIS__URL": redis.url,
        "MAIL_POSTGRES__URL": postgres_url,
        "MAIL_VAULT__KEY_FILE": str(vault_key(folder)),
        "MAIL_SERVER__API_KEY": secret(folder / "key"),
        "MAIL_SERVER__PORT": str(port),
        "MAIL_AI__URL": "http://127.0.0.1:9",
        "MAIL_AI__API_KEY": "none",
    }
    command = [sys.executable, "-m", "mail_service", "serve"]
    service = Program("mail_service", command, folder / "mail_service.log", environment)
    service.start()
    ready = f"http://127.0.0.1:{port}/ready"
    try:
        until(lambda: _answers(ready), f"ready mail_service: {service.log_tail()}")
        yield ready
    finally:
        service.stop()
        redis.stop()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:  # noqa: S310 - loopback, ours
            return bool(reply.status == HTTPStatus.OK)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False
