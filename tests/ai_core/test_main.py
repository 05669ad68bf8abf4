"""`python -m ai_core` as an operator runs it: a real process, a real Redis, the sample corpus."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from ai_core.access.keys import KeyRing, Scope, well_formed
from ai_core.law.ingest.sample import build_sample
from ai_core.redis_keys import TAG
from deploy.local.ports import free_port
from deploy.local.redis_server import RedisServer, bundled_redis
from shared.clock import SystemClock
from shared.stores.redis_connection import RedisConnection

pytestmark = pytest.mark.slow

START_TIMEOUT_S = 30
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Service:
    """A running ai_core and a key to it."""

    process: subprocess.Popen[str]
    url: str
    key: str


def command(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ai_core", *arguments],
        env=os.environ | settings,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def make_key(redis_url: str) -> str:
    connection = RedisConnection(redis_url, TAG, timeout_s=30)
    await connection.open()
    try:
        return (await KeyRing(connection, SystemClock()).create("test", Scope.INFERENCE)).secret
    finally:
        await connection.close()


async def ready(url: str) -> None:
    async with asyncio.timeout(START_TIMEOUT_S), httpx2.AsyncClient(base_url=url) as client:
        while True:
            try:
                if (await client.get("/ready")).status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def service(redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    data_dir = tmp_path_factory.mktemp("data")
    build_sample(data_dir)
    port = free_port()
    settings = {
        "AI_CORE_DATA_DIR": str(data_dir),
        "AI_CORE_REDIS__URL": redis.url,
        "AI_CORE_SERVER__PORT": str(port),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "ai_core"],
        env=os.environ | settings,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        key = asyncio.run(make_key(redis.url))
        asyncio.run(ready(f"http://127.0.0.1:{port}"))
        yield Service(process, f"http://127.0.0.1:{port}", key)
    finally:
        process.kill()
        process.wait()


def test_a_wrong_setting_stops_with_one_sentence_that_names_it() -> None:
    done = command(AI_CORE_SERVER__PORT="eighty")

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "AI_CORE_SERVER__PORT" in done.stderr


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("GET", "/api/v1/articles/L9999-1", None, "unknown_article"),
        ("GET", "/api/v1/search?q=conges&agreement=9999", None, "unknown_agreement"),
        ("POST", "/api/v1/generate", {"prompt": "Quel préavis ?", "model": "x"}, "unknown_model"),
    ],
)
def test_what_does_not_exist_is_named_in_the_sentence(
    service: Service, method: str, path: str, body: dict[str, str] | None, code: str
) -> None:
    headers = {"X-API-Key": service.key}

    response = httpx2.request(method, service.url + path, json=body, headers=headers)

    assert (response.status_code, response.json()["code"]) == (404, code)
    assert "{" not in response.json()["detail"]


def test_the_service_answers_logs_one_line_per_request_and_stops_in_order(
    service: Service,
) -> None:
    reply = httpx2.post(
        f"{service.url}/api/v1/chat",
        json={"messages": [{"role": "user", "content": "Que dit l'article L3121-27 ? jo@x.fr"}]},
        headers={"X-API-Key": service.key, "X-Request-Id": "one"},
    ).json()
    service.process.send_signal(signal.SIGTERM)
    told, _ = service.process.communicate(timeout=20)

    lines = [json.loads(line) for line in told.splitlines()]
    (line,) = [line for line in lines if line.get("request_id") == "one"]
    assert [citation["number"] for citation in reply["citations"]] == ["L3121-27"]
    assert line["route"] == "/api/v1/chat"
    assert (line["status"], line["model"], line["citations"]) == (200, "extractive", 1)
    assert "L3121-27" not in told
    assert "jo@x.fr" not in told
    assert told.count("Application shutdown complete") == 1
    assert service.process.returncode == -signal.SIGTERM


def test_a_key_is_made_as_soon_as_redis_is_there_and_nothing_else_is_on_standard_output(
    tmp_path: Path,
) -> None:
    late = RedisServer(tmp_path, binary=bundled_redis())
    words = ("keys", "create", "--scope", "inference", "--name", "early")
    with ThreadPoolExecutor() as elsewhere:
        with socket.create_server(("127.0.0.1", late.port)) as nobody:
            making = elsewhere.submit(command, *words, AI_CORE_REDIS__URL=late.url)
            nobody.accept()[0].close()
        late.start()
        made = making.result()
    late.stop()

    assert made.returncode == 0
    assert well_formed(made.stdout.split()[1])
    assert len(made.stdout.splitlines()) == 1
    assert "redis lost" in made.stderr
