"""The bot's Redis as a cluster: every script runs there, and a node's death loses no question."""

import asyncio
from pathlib import Path

import pytest

from shared.stores.redis_connection import Script
from telegram_service.queue.update_queue import LUA
from telegram_service.redis_keys import TAG
from tests.servers.redis_cluster import RedisCluster
from tests.telegram_service.deployment import deployed
from tests.telegram_service.rig import running

pytestmark = pytest.mark.needs("redis-server")
ALICE, BOB = 11, 12
SCRIPTS = {path.name: Script.read(path).sha1 for path in sorted(LUA.glob("*.lua"))}
PEOPLE = [100 + number for number in range(8)]


async def test_every_script_runs_on_a_cluster(
    cluster: RedisCluster, database_url: str, key_file: Path
) -> None:
    url, at_once = cluster.stranger(TAG).url, {"at_once": 1}
    async with running(url, database_url, key_file, ai=at_once) as rig:
        rig.ai.script.status = 503
        rig.account.say(ALICE, "Quel préavis ?")
        await asyncio.sleep(0.5)
        rig.ai.script.status = 200
        await rig.settled()
        assert rig.ai.script.answer[:20] in rig.account.texts(ALICE)[-1]
        rig.account.hold(ALICE, 0.5)
        await rig.ask(ALICE, "/start")
        rig.ai.script.answer, rig.ai.script.pause_s = "mot " * 40, 0.05
        rig.account.say(ALICE, "Une longue réponse ?")
        rig.account.say(BOB, "Et moi, après ?")
        await asyncio.sleep(1)
        rig.account.say(ALICE, "/stop")
        await rig.settled(patience_s=30)
        numbers = await rig.parts.counter.read()
        known = await rig.parts.redis.call("SCRIPT", "EXISTS", *SCRIPTS.values())
    assert [name for name, yes in zip(SCRIPTS, known, strict=True) if not yes] == []
    assert (numbers.lost, numbers.counts["refused_429"]) == (0, 1)


async def test_the_death_of_the_node_with_the_mailboxes_loses_and_doubles_nothing(
    cluster: RedisCluster, database_url: str, key_file: Path, tmp_path: Path
) -> None:
    url = cluster.stranger(TAG).url
    async with deployed(url, database_url, key_file, tmp_path, workers=2) as here:
        await here.redis.call("FLUSHALL")
        await asyncio.sleep(1)
        for number in range(4):
            for chat in PEOPLE:
                here.ask(chat, number)
            await asyncio.sleep(0.3)
            if number == 1:
                await here.redis.call("WAIT", 1, 1_000)
                cluster.owner(TAG).kill()
        await here.settled(patience_s=40)
        verdict, numbers = here.verdict(), await here.numbers()
    assert (verdict.asked, verdict.lost, verdict.duplicates, verdict.disordered) == (32, 0, 0, 0)
    assert numbers.lost == 0
