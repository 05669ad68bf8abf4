"""The three real services before a live Prometheus, for the tests of what watches them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from ai_core.access.keys import Scope
from deploy.local.redis_server import RedisServer
from tests.ai_core.conftest import (  # fixtures
    RunningApp,
    app,
    document,
    files_read_once,
    library,
    redis,
    running_app,
    sample,
)
from tests.deploy.monitoring_stack import Watched, mail, telegram, until, watching
from tests.servers.loopback import served
from tests.servers.monitoring import NodeExporter

__all__ = ["app", "document", "files_read_once", "library", "redis", "running_app", "sample"]


@asynccontextmanager
async def node_exporter(folder: Path) -> AsyncIterator[str]:
    """Run node_exporter as compose does; yield where it listens."""
    server = NodeExporter(folder)
    await asyncio.to_thread(server.start)
    try:
        yield f"127.0.0.1:{server.port}"
    finally:
        await asyncio.to_thread(server.stop)


@pytest.fixture
async def watched(
    app: RunningApp, own_redis: RedisServer, database_url: str, tmp_path: Path
) -> AsyncIterator[Watched]:
    """ai_core, the bot and the mailbox, each measured at least once."""
    async with AsyncExitStack() as stack:
        ai = await stack.enter_async_context(served(app.asgi))
        bot = await stack.enter_async_context(telegram(own_redis, tmp_path))
        api, worker = await stack.enter_async_context(mail(database_url, own_redis, tmp_path, ai))
        targets = {
            "ai_core": [ai.removeprefix("http://")],
            "telegram_service": [bot],
            "mail_service": [api, worker],
            "host": [await stack.enter_async_context(node_exporter(tmp_path / "host"))],
        }
        key = app.keys[Scope.ADMIN]
        watched = await stack.enter_async_context(watching(tmp_path / "watch", targets, key))

        async def all_up() -> bool:
            return await watched.value('sum(up{job!="prometheus"})') == 5

        await until(all_up)
        yield watched
