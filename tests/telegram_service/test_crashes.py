"""Nothing lost, nothing twice, nothing out of order: with processes that die. Small counts here;
`./neo bench telegram` has the large ones.
"""

import asyncio
import random
from pathlib import Path

import pytest

from deploy.local.redis_server import RedisServer
from tests.telegram_service.deployment import deployed

GROUPS = [-100_100 - number for number in range(8)]
PEOPLE = [100 + number for number in range(8)]


@pytest.mark.parametrize("chats", [GROUPS, PEOPLE], ids=["placeholders", "drafts"])
async def test_workers_that_are_killed_lose_and_double_nothing(
    redis_url: str, database_url: str, key_file: Path, tmp_path: Path, chats: list[int]
) -> None:
    dice = random.Random(3)  # noqa: S311 - which worker dies, reproducibly
    async with deployed(redis_url, database_url, key_file, tmp_path, workers=2) as here:
        here.ai.script.pause_s = 0.05
        here.api.delivery.twice = 0.1
        await asyncio.sleep(1.5)
        for number in range(5):
            for chat in chats:
                here.ask(chat, number)
        for _ in range(3):
            await asyncio.sleep(0.4)
            await here.kill(dice.choice(here.workers))
            here.start("worker")
        await here.settled(patience_s=40)
        verdict, numbers = here.verdict(), await here.numbers()
    assert (verdict.asked, verdict.lost, verdict.duplicates) == (40, 0, 0)
    assert (verdict.disordered, verdict.orphans) == (0, 0)
    assert numbers.lost == 0
    assert numbers.counts.get("disordered", 0) == 0
    assert numbers.counts["duplicates"] == here.api.delivery.repeated


async def test_a_redis_that_is_killed_then_frozen_loses_nothing_it_acknowledged(
    database_url: str, key_file: Path, tmp_path: Path
) -> None:
    redis = RedisServer(tmp_path / "redis", queue=True)
    await asyncio.to_thread(redis.start)
    async with deployed(redis.url, database_url, key_file, tmp_path, workers=1) as here:
        for number in range(4):
            for chat in PEOPLE:
                here.ask(chat, number)
            if number == 1:
                await asyncio.to_thread(redis.kill)
                await asyncio.sleep(2)
                await asyncio.to_thread(redis.start)
            if number == 2:
                redis.freeze()
                await asyncio.sleep(3)
                redis.thaw()
        await here.settled(patience_s=40)
        verdict = here.verdict()
        assert [worker.poll() for worker in here.workers] == [None]
    await asyncio.to_thread(redis.stop)
    assert (verdict.asked, verdict.lost, verdict.duplicates, verdict.disordered) == (32, 0, 0, 0)


async def test_sigterm_finishes_what_was_begun(
    redis_url: str, database_url: str, key_file: Path, tmp_path: Path
) -> None:
    async with deployed(redis_url, database_url, key_file, tmp_path, workers=1) as here:
        here.ai.script.pause_s = 0.2
        for chat in GROUPS:
            here.ask(chat, 0)
        while len(here.ai.asked) < len(GROUPS):  # noqa: ASYNC110 - no event to wait for
            await asyncio.sleep(0.02)
        took_s = await here.stop(here.workers[0])
        verdict = here.verdict()
    assert (verdict.answered, verdict.orphans) == (len(GROUPS), 0)
    assert took_s < 25
