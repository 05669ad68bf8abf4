"""The real ai_core, as its own tests build it, on loopback."""

from collections.abc import AsyncIterator

import pytest

from ai_core.access.keys import Scope
from shared.ai.client import AiClient
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
from tests.servers.loopback import served

__all__ = ["app", "document", "files_read_once", "library", "redis", "running_app", "sample"]


@pytest.fixture
async def client(app: RunningApp) -> AsyncIterator[AiClient]:
    async with served(app.asgi) as url, AiClient(url, app.keys[Scope.INFERENCE]) as client:
        yield client
