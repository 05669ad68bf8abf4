"""The whole service on LINE."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.telegram_service.channels.line.running_line import RunningLine, running_line


@pytest.fixture
async def line(redis_url: str, database_url: str, key_file: Path) -> AsyncIterator[RunningLine]:
    async with running_line(redis_url, database_url, key_file) as line:
        yield line
