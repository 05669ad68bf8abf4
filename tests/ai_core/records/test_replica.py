"""Statistics from a read replica: two real servers, one following the other."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from ai_core.records import database, replica
from ai_core.records.database import Records, open_records
from ai_core.settings import PostgresSettings
from deploy.drill.standby import StandbyServer
from deploy.local.postgres_server import PostgresServer
from shared.clock import PARIS, StoppedClock
from tests.ai_core.records.conftest import NOON, START_TIMEOUT_S
from tests.ai_core.records.test_statistics import ANSWERS, told
from tests.mail_service.polling import becomes

pytestmark = pytest.mark.slow(20)

TIMEOUT_S = 30.0


class ClockFromNoon:
    """A clock that runs, from the moment of the answers: today has other partitions."""

    def __init__(self) -> None:
        self._start_s = time.monotonic()

    def now(self) -> datetime:
        """Return the moment, in UTC."""
        return NOON + timedelta(seconds=self.elapsed_s())

    def today(self) -> date:
        """Return the day in Paris."""
        return self.now().astimezone(PARIS).date()

    def elapsed_s(self) -> float:
        """Return seconds since it was made."""
        return time.monotonic() - self._start_s


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[PostgresServer, StandbyServer]]:
    primary = PostgresServer(tmp_path / "primary", safe=False)
    primary.start()
    standby = StandbyServer(tmp_path / "standby", primary)
    standby.start()
    yield primary, standby
    for server in (standby, primary):
        server.thaw()
        server.stop()


@asynccontextmanager
async def records_of(
    pair: tuple[PostgresServer, StandbyServer], key_file: Path, **values: float
) -> AsyncIterator[Records]:
    primary, standby = pair
    given = {"url": primary.url(), "replica_url": standby.url(), "key_file": key_file, **values}
    async with open_records(PostgresSettings.model_validate(given), ClockFromNoon()) as records:
        async with asyncio.timeout(START_TIMEOUT_S):
            await records.wait_until_up()
        yield records


async def port_read(records: Records) -> int:
    async with records.reading() as db:
        return int(await db.fetchval("SELECT inet_server_port()"))


async def test_statistics_come_from_the_replica_and_from_the_primary_without_it(
    pair: tuple[PostgresServer, StandbyServer], key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica, "LOOK_S", 0.1)
    monkeypatch.setattr(database, "LOOK_S", 0.1)
    primary, standby = pair
    async with records_of(pair, key_file) as records:
        assert await becomes(lambda: records.read_as_of is not None, START_TIMEOUT_S)
        assert await port_read(records) == standby.port
        async with records.transaction() as db:
            assert await db.fetchval("SELECT inet_server_port()") == primary.port
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            async with records.reading() as db:
                await db.execute("CREATE TABLE nothing ()")

        await asyncio.to_thread(standby.kill)
        assert await port_read(records) == primary.port  # at once, whatever the watch knows
        assert records.read_as_of is None
        await asyncio.to_thread(standby.start)
        assert await becomes(lambda: records.read_as_of is not None, START_TIMEOUT_S)

        await asyncio.to_thread(primary.kill)
        assert await becomes(lambda: records.state == "down", START_TIMEOUT_S)
        assert await port_read(records) == standby.port
        assert records.read_as_of is not None


async def test_a_replica_that_falls_behind_is_told_by_its_age_and_not_read(
    pair: tuple[PostgresServer, StandbyServer], key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica, "LOOK_S", 0.1)
    primary, standby = pair
    async with records_of(pair, key_file, replica_age_s=1.0) as records:
        assert await becomes(lambda: records.read_as_of is not None, START_TIMEOUT_S)
        await replayed(primary, standby)  # paused inside a migration, it would keep its locks
        async with asyncpg_at(standby) as db:
            await db.execute("SELECT pg_wal_replay_pause()")
            await told(records, StoppedClock(NOON))
            counted = await db.fetchval("SELECT count(*) FROM events")
            assert await becomes(lambda: records.read_as_of is None, START_TIMEOUT_S)
            assert await port_read(records) == primary.port
            await db.execute("SELECT pg_wal_replay_resume()")
        assert counted == 0
        assert await becomes(lambda: records.read_as_of is not None, START_TIMEOUT_S)
        assert await port_read(records) == standby.port
        async with records.reading() as db:
            assert await db.fetchval("SELECT count(*) FROM events") == len(ANSWERS)


async def test_a_replica_that_was_promoted_is_read_no_more(
    pair: tuple[PostgresServer, StandbyServer], key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica, "LOOK_S", 0.1)
    primary, standby = pair
    async with records_of(pair, key_file) as records:
        assert await becomes(lambda: records.read_as_of is not None, START_TIMEOUT_S)
        await asyncio.to_thread(standby.promote)
        assert await becomes(lambda: records.read_as_of is None, START_TIMEOUT_S)
        assert await port_read(records) == primary.port


@asynccontextmanager
async def asyncpg_at(server: PostgresServer) -> AsyncIterator[asyncpg.Connection]:
    limits = {"timeout": TIMEOUT_S, "command_timeout": TIMEOUT_S}
    db = await asyncpg.connect(server.url(), ssl=False, **limits)
    try:
        yield db
    finally:
        await db.close(timeout=TIMEOUT_S)


async def replayed(primary: PostgresServer, standby: StandbyServer) -> None:
    """Wait until the standby has replayed what the primary has written."""
    async with asyncpg_at(primary) as db:
        written = await db.fetchval("SELECT pg_current_wal_lsn()::text")
    reached = "SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn"
    async with asyncpg_at(standby) as db, asyncio.timeout(TIMEOUT_S):
        while not await db.fetchval(reached, written):  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.02)
