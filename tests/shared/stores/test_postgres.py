"""Postgres, on a real server."""

import asyncio
from pathlib import Path

import pytest

from deploy.local.ports import free_port
from deploy.local.postgres_server import PostgresServer
from shared.stores.postgres import Postgres, PostgresLost, WrongMigrations

FIRST = "CREATE TABLE turns (id integer PRIMARY KEY)"
SECOND = "ALTER TABLE turns ADD COLUMN body text"


def folder_of(tmp_path: Path, *statements: str) -> Path:
    folder = tmp_path / "migrations"
    folder.mkdir(exist_ok=True)
    for number, statement in enumerate(statements, start=1):
        (folder / f"{number:04}_step.sql").write_text(statement)
    return folder


async def opened(url: str) -> Postgres:
    postgres = Postgres(url, timeout_s=5)
    await postgres.open()
    return postgres


async def test_migrations_go_forward_once(database_url: str, tmp_path: Path) -> None:
    postgres = await opened(database_url)
    assert await postgres.migrate(folder_of(tmp_path, FIRST)) == ["0001_step"]
    assert await postgres.migrate(folder_of(tmp_path, FIRST, SECOND)) == ["0002_step"]
    assert await postgres.migrate(folder_of(tmp_path, FIRST, SECOND)) == []
    await postgres.close()


async def test_processes_that_start_together_migrate_once(
    database_url: str, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path, FIRST, SECOND)
    together = [await opened(database_url) for _ in range(4)]
    done = await asyncio.gather(*(one.migrate(folder) for one in together))
    assert sorted(name for names in done for name in names) == ["0001_step", "0002_step"]
    for one in together:
        await one.close()


async def test_a_failed_migration_leaves_nothing_behind(database_url: str, tmp_path: Path) -> None:
    postgres = await opened(database_url)
    with pytest.raises(Exception, match="syntax error"):
        await postgres.migrate(folder_of(tmp_path, FIRST, "ALTER TABLE nonsense nonsense"))
    assert await postgres.migrate(folder_of(tmp_path, FIRST, SECOND)) == ["0001_step", "0002_step"]
    await postgres.close()


async def test_a_gap_between_migrations_is_refused(database_url: str, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, FIRST)
    (folder / "0003_step.sql").write_text(SECOND)
    postgres = await opened(database_url)
    with pytest.raises(WrongMigrations):
        await postgres.migrate(folder)
    await postgres.close()


async def test_the_version_before_works_on_a_database_a_later_one_added_to(
    database_url: str, tmp_path: Path
) -> None:
    postgres = await opened(database_url)
    await postgres.migrate(folder_of(tmp_path, FIRST, SECOND))
    (tmp_path / "migrations" / "0002_step.sql").unlink()

    assert await postgres.migrate(tmp_path / "migrations") == []
    assert await postgres.execute("INSERT INTO turns (id) VALUES (1)") == 1
    await postgres.close()


async def test_the_version_before_refuses_a_database_a_later_one_broke_with(
    database_url: str, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path, FIRST)
    breaking = folder / "0002_break_turns.sql"
    breaking.write_text("ALTER TABLE turns RENAME TO rounds")
    postgres = await opened(database_url)
    await postgres.migrate(folder)
    breaking.unlink()

    with pytest.raises(WrongMigrations, match="0002_break_turns"):
        await postgres.migrate(folder)
    await postgres.close()


async def test_only_a_transaction_waits_for_begin_and_commit(database_url: str) -> None:
    postgres = await opened(database_url)
    async with postgres.connection() as alone, postgres.transaction() as several:
        assert not alone.is_in_transaction()
        assert several.is_in_transaction()
    with pytest.raises(PostgresLost):
        async with postgres.connection() as connection:
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    await postgres.close()


async def test_a_statement_without_a_server_is_postgres_lost() -> None:
    postgres = await opened(f"postgresql://neo:x@127.0.0.1:{free_port()}/none")
    with pytest.raises(PostgresLost):
        await postgres.fetch("SELECT 1")
    await postgres.close()


async def test_the_pool_recovers_when_the_server_was_killed(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path / "postgres", safe=False)
    await asyncio.to_thread(server.start)
    postgres = await opened(server.url())
    await postgres.migrate(folder_of(tmp_path, FIRST))
    await asyncio.to_thread(server.kill)
    with pytest.raises(PostgresLost):
        await postgres.fetch("SELECT 1")
    await asyncio.to_thread(server.start)
    assert len(await postgres.fetch("TABLE turns")) == 0
    await postgres.close()
    await asyncio.to_thread(server.stop)
