"""The database opens while its server is away, is refused at once meanwhile, and comes back."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from ai_core.errors import RecordsOff
from ai_core.records import database
from ai_core.records.database import Records, open_records
from ai_core.records.retention import add_months, delete_expired
from ai_core.settings import PostgresSettings
from deploy.local.postgres_server import PostgresServer
from shared.clock import StoppedClock
from shared.settings import WrongSettings
from shared.stores.postgres import PostgresLost
from tests.ai_core.records.conftest import NOON, START_TIMEOUT_S
from tests.mail_service.polling import becomes


async def test_without_a_url_what_needs_postgres_says_that_it_is_off(clock: StoppedClock) -> None:
    async with open_records(PostgresSettings(), clock) as records:
        assert records.state == "off"
        with pytest.raises(RecordsOff):
            _ = records.encryption
        with pytest.raises(RecordsOff):
            async with records.transaction():
                pass


async def test_a_missing_key_file_refuses_to_start(database_url: str, tmp_path: Path) -> None:
    settings = PostgresSettings.model_validate(
        {"url": database_url, "key_file": tmp_path / "nowhere"}
    )
    with pytest.raises(WrongSettings, match="nowhere"):
        async with open_records(settings, StoppedClock(NOON)):
            pass


async def test_the_months_ahead_are_there_and_added_once(
    records: Records, clock: StoppedClock
) -> None:
    async with records.transaction() as db:
        for day in (clock.today(), clock.today(), datetime(2026, 12, 31, tzinfo=UTC).date()):
            await add_months(db, day)
        found = await db.fetch(
            "SELECT inhrelid::regclass::text AS name FROM pg_inherits JOIN pg_class"
            " ON oid = inhparent WHERE relkind = 'p' ORDER BY 1"
        )
    months = ("2026_11", "2026_12", "2027_01", "2027_02")
    assert [row["name"] for row in found] == [
        f"{table}_{month}" for table in ("events", "turns") for month in months
    ]


async def test_what_began_before_the_first_of_the_month_is_kept_after_midnight(
    records: Records,
) -> None:
    months = "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'"
    async with records.transaction() as db:
        await add_months(db, datetime(2027, 6, 3, tzinfo=UTC).date())
        later = {str(row[0]) for row in await db.fetch(months)}
        await add_months(db, datetime(2027, 6, 1, tzinfo=UTC).date())
        first = {str(row[0]) for row in await db.fetch(months)}
        await add_months(db, datetime(2029, 1, 2, tzinfo=UTC).date())
        of_january = {str(row[0]) for row in await db.fetch(months)} - first
    assert first - later == {"events_2027_05", "turns_2027_05"}
    assert {"events_2028_12", "turns_2028_12"} <= of_january


async def test_what_is_older_than_the_settings_is_deleted_and_its_months_are_dropped(
    records: Records,
) -> None:
    days = (0, 29, 31, 399, 401, 500)
    async with records.transaction() as db:
        for age in days:
            at = NOON - timedelta(days=age)
            await add_months(db, at.date())
            await db.execute(
                "INSERT INTO events VALUES ($1, 'a', 'api', 'fr', null, null, null, 'answered',"
                " null, 'extractive', false, 5)",
                at,
            )
            await db.execute("INSERT INTO turns VALUES ('c', $1, 1, null, 's')", at)
            await db.execute("INSERT INTO questions VALUES ($1, $2, 's')", f"q{age}", at)
            await db.execute(
                "INSERT INTO feedback VALUES ($1, 'c', 'up', null, 's', 'api', 'n', $2)",
                f"f{age}",
                at,
            )
            await db.execute(
                "INSERT INTO conversations VALUES ($1, $2, 'o', 'api', 'fr')", b"%d" % age, at
            )
        await db.execute("INSERT INTO conversations VALUES ('c', $1, 'o', 'api', 'fr')", at)
        await delete_expired(db, NOON, records.settings)
        left = await db.fetch(
            "SELECT 'events' AS name, at FROM events UNION ALL SELECT 'feedback', at FROM feedback"
            " UNION ALL SELECT 'turns', at FROM turns UNION ALL SELECT 'questions', at"
            " FROM questions UNION ALL SELECT 'conversations', began_at FROM conversations"
        )
        comments = await db.fetch("SELECT at FROM feedback WHERE comment IS NOT NULL")
        oldest = await db.fetchval(
            "SELECT min(inhrelid::regclass::text) FROM pg_inherits"
            " WHERE inhparent = 'events'::regclass"
        )

    ages: dict[str, list[int]] = {}
    for row in left:
        ages.setdefault(row["name"], []).append((NOON - row["at"]).days)
    assert {name: sorted(found) for name, found in ages.items()} == {
        "events": [0, 29, 31, 399],
        "feedback": [0, 29, 31, 399],
        "turns": [0, 29],
        "questions": [0, 29],
        "conversations": [0, 29, 500],  # the last one still has turns
    }
    assert sorted((NOON - row["at"]).days for row in comments) == [0, 29]
    assert oldest == "events_2025_10"


async def test_the_audit_log_only_grows(records: Records) -> None:
    insert = "INSERT INTO audit (at, account_name, action, object) VALUES (now(), 'a', 'b', 'c')"
    async with records.transaction() as db:
        await db.execute(insert)
    for statement in ("UPDATE audit SET action = 'x'", "DELETE FROM audit", "TRUNCATE audit"):
        with pytest.raises(asyncpg.RaiseError, match="never changed"):
            async with records.transaction() as db:
                await db.execute(statement)


@pytest.fixture
async def lost(
    own_postgres: PostgresServer,
    key_file: Path,
    clock: StoppedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Records]:
    """Records whose server is not there yet."""
    monkeypatch.setattr(database, "LOOK_S", 0.1)
    settings = PostgresSettings.model_validate({"url": own_postgres.url(), "key_file": key_file})
    async with open_records(settings, clock) as records:
        yield records


@pytest.mark.slow
async def test_it_opens_before_its_server_and_finds_it_again_after_a_freeze_and_a_kill(
    lost: Records, own_postgres: PostgresServer
) -> None:
    async def until(state: str) -> None:
        assert await becomes(lambda: lost.state == state, START_TIMEOUT_S)

    assert lost.state == "down"
    with pytest.raises(PostgresLost):
        async with lost.transaction():
            pass
    await asyncio.to_thread(own_postgres.start)
    await until("up")
    for take_away, bring_back in (
        (own_postgres.freeze, own_postgres.thaw),
        (own_postgres.kill, own_postgres.start),
    ):
        await asyncio.to_thread(take_away)
        await until("down")
        await asyncio.to_thread(bring_back)
        await until("up")
        async with lost.transaction() as db:
            assert await db.fetchval("SELECT count(*) FROM events") == 0
