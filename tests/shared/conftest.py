"""A real Postgres for the tests of shared."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.postgres_server import PostgresServer


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    server = PostgresServer(tmp_path_factory.mktemp("postgres"), safe=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def database_url(postgres_server: PostgresServer, tmp_path: Path) -> Iterator[str]:
    name = f"test_{tmp_path.name[-40:].lower()}"
    postgres_server.create_database(name)
    yield postgres_server.url(name)
    postgres_server.drop_database(name)
