"""Models in processes of their own, started by the test and ended after it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from ai_core.engines.process.engine import ProcessEngine, Timeouts
from ai_core.engines.process.scripted_runner import RunnerScript

Start = Callable[..., Awaitable[ProcessEngine]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Start a scripted model: `await start(slots=2, timeouts=Timeouts(…))`."""
    engines: list[ProcessEngine] = []

    async def begin(*, timeouts: Timeouts | None = None, **script: float | str) -> ProcessEngine:
        path = tmp_path / f"{len(engines)}.json"
        path.write_bytes(msgspec.json.encode(msgspec.convert(script, RunnerScript)))
        engine = await ProcessEngine.start(
            "scripted", "script", "scripted", str(path), timeouts=timeouts
        )
        engines.append(engine)
        return engine

    yield begin
    for engine in engines:
        await engine.close()
