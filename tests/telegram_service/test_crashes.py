"""Nothing lost, nothing twice, nothing out of order: with processes that die.

Small counts here; `./neo bench telegram` has the large ones.
"""

import asyncio
from pathlib import Path

import pytest

from deploy.local.redis_server import RedisServer
from tests.telegram_service.deployment import deployed

pytestmark = pytest.mark.slow

GROUPS = [-100_100 - number for number in range(8)]
PEOPLE = [100 + number for number in range(8)]


@pytest.mark.slow(12)
@pytest.mark.parametrize("chats", [GROUPS, PEOPLE], ids=["placeholders", "drafts"])
async def test_workers_that_are_killed_lose_and_double_nothing(
    redis_url: str, database_url: str, key_file: Path, tmp_path: Path, chats: list[int]
) -> None:
    async with deployed(redis_url, database_url, key_file, tmp_path, workers=2) as deployment:
        deployment.ai.script.pause_s = 0.05
        deployment.api.delivery.twice = 0.1
        observed, statistics = await deployment.survive(chats, 5, kills=3, timeout_s=40)
    assert (observed.asked, observed.lost, observed.duplicates) == (40, 0, 0)
    assert (observed.disordered, observed.orphans) == (0, 0)
    assert statistics.lost == 0
    assert statistics.counts.get("disordered", 0) == 0
    assert statistics.counts["duplicates"] == deployment.api.delivery.repeated


@pytest.mark.slow(11)
async def test_a_redis_that_is_killed_then_frozen_loses_nothing_it_acknowledged(
    database_url: str, key_file: Path, tmp_path: Path
) -> None:
    redis = RedisServer(tmp_path / "redis", queue=True)
    await asyncio.to_thread(redis.start)
    async with deployed(redis.url, database_url, key_file, tmp_path, workers=1) as deployment:
        for number in range(4):
            for chat in PEOPLE:
                deployment.ask(chat, number)
            if number == 1:
                await asyncio.to_thread(redis.kill)
                await asyncio.sleep(2)  # so long it is away
                await asyncio.to_thread(redis.start)
            if number == 2:
                redis.freeze()
                await asyncio.sleep(3)  # so long it is frozen
                redis.thaw()
        await deployment.settled(timeout_s=40)
        observed = deployment.observed()
        assert [worker.poll() for worker in deployment.workers] == [None]
    await asyncio.to_thread(redis.stop)
    assert (observed.asked, observed.lost, observed.duplicates, observed.disordered) == (
        32,
        0,
        0,
        0,
    )


async def test_sigterm_finishes_what_was_begun(
    redis_url: str, database_url: str, key_file: Path, tmp_path: Path
) -> None:
    async with deployed(redis_url, database_url, key_file, tmp_path, workers=1) as deployment:
        deployment.ai.script.pause_s = 0.2
        for chat in GROUPS:
            deployment.ask(chat, 0)
        async with asyncio.timeout(30):
            while len(deployment.ai.asked) < len(GROUPS):  # noqa: ASYNC110 - no event to wait for
                await asyncio.sleep(0.02)
        took_s = await deployment.stop(deployment.workers[0])
        observed = deployment.observed()
    assert (observed.answered, observed.orphans) == (len(GROUPS), 0)
    assert took_s < 25
