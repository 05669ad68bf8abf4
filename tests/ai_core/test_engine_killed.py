"""A model's process is killed in the middle of a stream: what everybody sees, until it is back."""

import asyncio
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ai_core.engines.process.engine import ProcessEngine
from ai_core.models.registry import ModelCard
from shared.clock import SystemClock
from tests.servers.loopback import served

pytestmark = pytest.mark.slow

CATALOGUE = '[[model]]\nname = "mistral"\nformat = "remote"\nupstreams = ["http://127.0.0.1:9"]\n'
ASKED = {
    "messages": [{"role": "user", "content": "mot " * 300}],
    "model": "mistral",
    "knowledge": False,
    "stream": True,
}


async def test_a_stream_ends_with_an_error_and_the_model_comes_back(
    running_app: Any, tmp_path: Path
) -> None:
    script = tmp_path / "script.json"
    (tmp_path / "models").mkdir()
    await asyncio.to_thread(script.write_text, json.dumps({"step_s": 0.02}))
    await asyncio.to_thread((tmp_path / "models" / "models.toml").write_text, CATALOGUE)
    engines: list[ProcessEngine] = []

    async def opened(card: ModelCard) -> ProcessEngine:
        engines.append(await ProcessEngine.start(card.id, "w", "scripted", str(script)))
        return engines[-1]

    async with (
        running_app(opener=opened, clock=SystemClock()) as app,
        served(app.asgi) as url,
        httpx2.AsyncClient(base_url=url, headers=app.key_header(), timeout=30) as client,
    ):
        async with client.stream("POST", "/api/v1/chat", json=ASKED) as told:
            lines = told.aiter_lines()
            first = await anext(lines)
            os.kill(engines[0].pid, signal.SIGKILL)
            killed_s = time.monotonic()
            rest = [line async for line in lines if line]
        ready = await client.get("/ready")
        noticed_s = time.monotonic() - killed_s
        live = await client.get("/live")
        async with asyncio.timeout(30):
            back = False
            while not back:
                await asyncio.sleep(0.05)
                back = (await client.get("/ready")).is_success
        again = await client.post("/api/v1/chat", json=ASKED | {"stream": False, "max_tokens": 5})

    assert first.startswith("data: ")
    assert rest[-2] == "event: error"
    problem = json.loads(rest[-1].removeprefix("data: "))
    assert (problem["code"], bool(problem["request_id"])) == ("engine_failed", True)
    assert (ready.status_code, live.status_code, again.status_code) == (503, 200, 200)
    assert noticed_s < 1
    assert len(engines) == 2
