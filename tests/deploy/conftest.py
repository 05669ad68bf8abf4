"""The three real services before a live Prometheus, for the tests of what watches them."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from ai_core.access.keys import Scope
from deploy.local.postgres_server import PostgresServer
from deploy.local.redis_server import RedisServer
from tests.ai_core.conftest import (  # fixtures
    House,
    document,
    house,
    house_with,
    library,
    redis,
    sample,
)
from tests.deploy.watch_rig import Watched, mail, telegram, until, watching
from tests.servers.loopback import served

__all__ = ["document", "house", "house_with", "library", "redis", "sample"]


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    server = PostgresServer(tmp_path_factory.mktemp("postgres"), safe=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def database_url(postgres_server: PostgresServer) -> Iterator[str]:
    name = f"watch_{os.urandom(6).hex()}"
    postgres_server.create_database(name)
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture
async def watched(
    house: House, own_redis: RedisServer, database_url: str, tmp_path: Path
) -> AsyncIterator[Watched]:
    """ai_core, the bot and the mailbox, each measured at least once."""
    async with AsyncExitStack() as stack:
        ai = await stack.enter_async_context(served(house.app))
        bot = await stack.enter_async_context(telegram(own_redis, tmp_path))
        api, worker = await stack.enter_async_context(mail(database_url, own_redis, tmp_path, ai))
        targets = {
            "ai_core": [ai.removeprefix("http://")],
            "telegram_service": [bot],
            "mail_service": [api, worker],
        }
        key = house.keys[Scope.ADMIN]
        watched = await stack.enter_async_context(watching(tmp_path / "watch", targets, key))

        async def all_up() -> bool:
            return await watched.value('sum(up{job!="prometheus"})') == 4

        await until(all_up)
        yield watched
