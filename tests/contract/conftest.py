"""The real ai_core, as its own tests build it, on loopback."""

from collections.abc import AsyncIterator

import pytest

from ai_core.access.keys import Scope
from shared.ai.client import AiClient
from tests.ai_core.conftest import (  # fixtures
    House,
    document,
    house,
    house_with,
    library,
    redis,
    sample,
)
from tests.servers.loopback import served

__all__ = ["document", "house", "house_with", "library", "redis", "sample"]


@pytest.fixture
async def client(house: House) -> AsyncIterator[AiClient]:
    async with served(house.app) as url, AiClient(url, house.keys[Scope.INFERENCE]) as client:
        yield client
