"""The webhook and the operators' routes."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from deploy.local.redis_server import RedisServer
from shared.ai.scripted import ScriptedAi
from telegram_service.app import create_app
from telegram_service.queue.webhook import destination, overtakes
from tests.servers.loopback import served
from tests.telegram_service.running_app import SECRET, settings_for

UPDATE = {"update_id": 7, "message": {"message_id": 1, "chat": {"id": 5}, "text": "Bonjour"}}
HEADER = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
async def client(redis_url: str, key_file: Path) -> AsyncIterator[httpx2.AsyncClient]:
    settings = settings_for(
        redis_url, "postgresql://neo:x@127.0.0.1:9/x", NOWHERE, NOWHERE, key_file
    )
    app = await asyncio.to_thread(create_app, settings)
    async with served(app, lifespan=True) as url, httpx2.AsyncClient(base_url=url) as client:
        yield client


async def post_update(client: httpx2.AsyncClient, **more: object) -> httpx2.Response:
    return await client.post("/telegram/webhook", json={**UPDATE, **more}, headers=HEADER)


@pytest.mark.parametrize("secret", ["", "wrong", SECRET + "x", "é".encode().decode("latin-1")])
async def test_a_wrong_secret_is_refused(client: httpx2.AsyncClient, secret: str) -> None:
    headers = [(b"X-Telegram-Bot-Api-Secret-Token", secret.encode("latin-1"))]
    answer = await client.post("/telegram/webhook", json=UPDATE, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["code"] == "wrong_secret"


async def test_a_missing_secret_is_refused(client: httpx2.AsyncClient) -> None:
    assert (await client.post("/telegram/webhook", json=UPDATE)).status_code == 401


async def test_a_body_over_the_limit_is_refused(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/telegram/webhook", content=b"x" * 1_100_000, headers=HEADER)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("body", "status"), [(b"{", 400), (b"[]", 422), (b"{}", 422), (b'{"update_id":"x"}', 422)]
)
async def test_what_is_no_update_is_refused(
    client: httpx2.AsyncClient, body: bytes, status: int
) -> None:
    answer = await client.post("/telegram/webhook", content=body, headers=HEADER)
    assert answer.status_code == status


async def test_an_update_delivered_twice_is_accepted_once(client: httpx2.AsyncClient) -> None:
    assert (await post_update(client)).status_code == 200
    assert (await post_update(client)).status_code == 200
    metrics = (await client.get("/metrics")).text
    assert "telegram_accepted_total 1.0" in metrics
    assert "telegram_duplicates_total 1.0" in metrics
    assert "telegram_lost 0.0" in metrics
    assert "telegram_waiting 1.0" in metrics


async def test_an_update_of_an_unknown_kind_is_accepted_and_dropped(
    client: httpx2.AsyncClient,
) -> None:
    headers = HEADER
    body = {"update_id": 9, "something_new": {"x": 1}}
    assert (await client.post("/telegram/webhook", json=body, headers=headers)).status_code == 200


async def test_while_redis_is_frozen_the_answer_is_a_503_within_its_time(
    key_file: Path, tmp_path: Path
) -> None:
    redis = RedisServer(tmp_path / "redis")
    await asyncio.to_thread(redis.start)
    settings = settings_for(
        redis.url, "postgresql://neo:x@127.0.0.1:9/x", NOWHERE, NOWHERE, key_file
    )
    app = await asyncio.to_thread(create_app, settings)
    async with served(app, lifespan=True) as url, httpx2.AsyncClient(base_url=url) as client:
        assert (await post_update(client)).status_code == 200
        redis.freeze()
        began = time.monotonic()
        answer = await post_update(client, update_id=8)
        took_s = time.monotonic() - began
        redis.thaw()
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert took_s < 1.5
        async with asyncio.timeout(5):
            while (await post_update(client, update_id=8)).status_code != 200:  # noqa: ASYNC110 - Telegram retries
                await asyncio.sleep(0.1)
    await asyncio.to_thread(redis.stop)


async def test_health_says_what_is_missing(client: httpx2.AsyncClient) -> None:
    health = (await client.get("/health")).json()
    assert health["redis"]
    assert not health["postgres"]
    assert not health["ai_core"]
    assert health["status"] == "degraded"
    assert (await client.get("/live")).status_code == 200
    assert (await client.get("/ready")).status_code == 200


@pytest.mark.parametrize(
    ("text", "yes"),
    [("/stop", True), ("/RESET@Bot", True), ("/start", False), ("stop", False), ("/", False)],
)
def test_only_some_commands_overtake(text: str, yes: bool) -> None:
    assert overtakes(text) is yes


def test_a_button_goes_by_the_control_lane_of_its_chat() -> None:
    query = {"id": "1", "from": {"id": 3}, "message": {"message_id": 4, "chat": {"id": -5}}}
    assert destination({"callback_query": query}) == (-5, None, "control")


async def test_requests_are_measured_by_their_route(client: httpx2.AsyncClient) -> None:
    await post_update(client)
    await client.get("/no/such/address")
    metrics = (await client.get("/metrics")).text
    assert (
        'http_requests_total{method="POST",route="/telegram/webhook",status="200"} 1.0' in metrics
    )
    assert 'http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in metrics


async def test_without_redis_the_metrics_say_so(own_redis: RedisServer, key_file: Path) -> None:
    settings = settings_for(
        own_redis.url, "postgresql://neo:x@127.0.0.1:9/x", NOWHERE, NOWHERE, key_file
    )
    app = await asyncio.to_thread(create_app, settings)
    async with served(app, lifespan=True) as url, httpx2.AsyncClient(base_url=url) as client:
        assert 'part_up{part="redis"} 1.0' in (await client.get("/metrics")).text
        await asyncio.to_thread(own_redis.kill)
        metrics = await client.get("/metrics")
    assert metrics.status_code == 200
    assert 'part_up{part="redis"} 0.0' in metrics.text
    assert "telegram_lost" not in metrics.text


async def test_without_a_token_health_still_says_whether_ai_core_answers(
    redis_url: str, key_file: Path
) -> None:
    ai = ScriptedAi()
    async with served(ai.app) as ai_url:
        nowhere = "postgresql://neo:x@127.0.0.1:9/x"
        settings = settings_for(redis_url, nowhere, NOWHERE, ai_url, key_file, bot={"token": ""})
        app = await asyncio.to_thread(create_app, settings)
        async with served(app, lifespan=True) as url, httpx2.AsyncClient(base_url=url) as client:
            up = (await client.get("/health")).json()
            ai.script.status = 503
            down = (await client.get("/health")).json()

    assert (up["status"], up["ai_core"]) == ("waiting for a token", True)
    assert down["ai_core"] is False
