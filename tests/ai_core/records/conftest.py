"""The records over a real Postgres, with a clock that the test moves."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ai_core.records.database import Records, open_records
from ai_core.settings import PostgresSettings
from deploy.local.postgres_server import PostgresServer
from shared.clock import StoppedClock
from shared.privacy.encryption import new_key_file

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
START_TIMEOUT_S = 60.0

OpenRecords = Callable[..., AbstractAsyncContextManager[Records]]


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "ai_core_vault"
    file.write_text(new_key_file())
    return file


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock(NOON)


@pytest.fixture
def opened_records(database_url: str, key_file: Path, clock: StoppedClock) -> OpenRecords:
    """Open records that are up; settings of the section by name."""

    @asynccontextmanager
    async def opened(url: str = database_url, **values: Any) -> AsyncIterator[Records]:
        settings = PostgresSettings.model_validate({"url": url, "key_file": key_file, **values})
        async with open_records(settings, clock) as records:
            async with asyncio.timeout(START_TIMEOUT_S):
                await records.wait_until_up()
            yield records

    return opened


@pytest.fixture
async def records(opened_records: OpenRecords) -> AsyncIterator[Records]:
    """Records that are up."""
    async with opened_records() as records:
        yield records


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A server of the test's own, not started."""
    with tempfile.TemporaryDirectory(prefix="neo-postgres-") as folder:
        server = PostgresServer(Path(folder) / "postgres", safe=False)
        yield server
        server.thaw()
        server.stop()
