"""Health and metrics of the HTTP side."""

import asyncio
import time
from pathlib import Path

import httpx2
import pytest

from deploy.local.redis_server import RedisServer
from shared.ai.scripted import ScriptedAi
from tests.servers.loopback import served
from tests.telegram_service.running_app import (
    http_client,
    post_update,
    settings_without_workers,
)


async def test_health_says_what_is_missing(client: httpx2.AsyncClient) -> None:
    health = (await client.get("/health")).json()
    assert health["redis"]
    assert not health["postgres"]
    assert not health["ai_core"]
    assert health["status"] == "degraded"
    assert (await client.get("/live")).status_code == 200
    assert (await client.get("/ready")).status_code == 200


async def test_requests_are_measured_by_their_route(client: httpx2.AsyncClient) -> None:
    await post_update(client)
    await client.get("/no/such/address")
    metrics = (await client.get("/metrics")).text
    assert (
        'http_requests_total{method="POST",route="/telegram/webhook",status="200"} 1.0' in metrics
    )
    assert 'http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in metrics


async def test_without_redis_the_metrics_say_so(own_redis: RedisServer, key_file: Path) -> None:
    async with http_client(settings_without_workers(own_redis.url, key_file)) as client:
        assert 'part_up{part="redis"} 1.0' in (await client.get("/metrics")).text
        await asyncio.to_thread(own_redis.kill)
        metrics = await client.get("/metrics")
    assert metrics.status_code == 200
    assert 'part_up{part="redis"} 0.0' in metrics.text
    assert "telegram_lost" not in metrics.text


async def test_health_says_which_channels_are_on(redis_url: str, key_file: Path) -> None:
    line = {"channel_secret": "s", "access_token": "t"}
    settings = settings_without_workers(redis_url, key_file, bot={"token": ""}, line=line)
    async with http_client(settings) as client:
        health = (await client.get("/health")).json()
    channels = health["channels"]
    assert (channels["telegram"]["status"], channels["line"]["status"]) == ("off", "on")
    assert health["status"] == "degraded"  # neither Postgres nor ai_core is there


async def test_without_a_channel_health_still_says_whether_ai_core_answers(
    redis_url: str, key_file: Path
) -> None:
    ai = ScriptedAi()
    async with served(ai.app) as ai_url:
        settings = settings_without_workers(redis_url, key_file, ai_url, bot={"token": ""})
        async with http_client(settings) as client:
            up = (await client.get("/health")).json()
            ai.script.status = 503
            down = (await client.get("/health")).json()

    assert (up["status"], up["ai_core"]) == ("waiting for a channel", True)
    assert down["ai_core"] is False


async def test_health_says_why_polling_brings_nothing(redis_url: str, key_file: Path) -> None:
    settings = settings_without_workers(redis_url, key_file, bot={"mode": "polling"})
    async with http_client(settings) as client:
        limit, telegram = time.monotonic() + 30, {"status": "on"}
        while telegram["status"] == "on":
            assert time.monotonic() < limit
            telegram = (await client.get("/health")).json()["channels"]["telegram"]
    assert (telegram["status"], telegram["receives_by"]) == ("failing", "polling")
    assert "cannot be reached" in telegram["problem"]


async def test_polling_that_ends_by_a_bug_ends_the_process(
    redis_url: str, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = asyncio.Event()

    async def broken(*_args: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr("telegram_service.app.poll", broken)
    monkeypatch.setattr("telegram_service.app.end_process", ended.set)
    settings = settings_without_workers(redis_url, key_file, bot={"mode": "polling"})
    async with http_client(settings) as client:
        await asyncio.wait_for(ended.wait(), 30)
        telegram = (await client.get("/health")).json()["channels"]["telegram"]
    assert telegram["problem"] == "polling ended (KeyError)"
