"""The bot's Redis as a cluster: every script runs there, and a node's death loses no question."""

import asyncio
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared.stores.redis_connection import LuaScript, RedisConnection
from telegram_service.queue.dead_letters import DeadLetter, DeadLetters
from telegram_service.queue.update_queue import QueuedUpdate
from telegram_service.redis_client import KEY_PREFIX
from tests.servers.redis_cluster import RedisCluster
from tests.telegram_service.deployment import deployed
from tests.telegram_service.running_app import RunningApp, running

pytestmark = pytest.mark.needs("redis-server")
ALICE, BOB = 11, 12
SERVICE = Path(__file__).resolve().parents[2] / "telegram_service"
SCRIPTS = {path.name: LuaScript.read(path).sha1 for path in sorted(SERVICE.glob("*/lua/*.lua"))}
PEOPLE = [100 + number for number in range(8)]


async def replayed_nothing(app: RunningApp) -> str:
    """Have a letter replayed that is not there; return what came of it."""
    update = QueuedUpdate(1, 1, b"sealed")
    letter = DeadLetter("1-1", update, chat="nobody", person="", reason="")
    return await DeadLetters(app.services.redis, app.services.queue).replay(letter)


def shown(app: RunningApp, person: int, words: str) -> bool:
    """Return whether a draft that begins with `words` was shown to a person."""
    drafts = app.account.shown_drafts
    return any(chat == person and text.startswith(words) for chat, text in drafts)


async def test_every_script_runs_on_a_cluster(
    cluster: RedisCluster, database_url: str, key_file: Path
) -> None:
    url, at_once = cluster.stranger(KEY_PREFIX).url, {"at_once": 1}
    async with running(url, database_url, key_file, ai=at_once) as app:
        app.ai.script.status = 503
        app.account.say(ALICE, "Quel préavis ?")
        await app.until(lambda: len(app.account.texts(ALICE)) == 1)
        await app.until_claimed(ALICE, times=1)
        app.ai.script.status = 200
        await app.settled()
        assert app.ai.script.answer[:20] in app.account.texts(ALICE)[-1]
        app.account.rate_limit(ALICE, 0.5)
        await app.ask(ALICE, "/start")
        app.ai.script.answer, app.ai.script.pause_s = "mot " * 100, 0.05
        app.account.say(ALICE, "Une longue réponse ?")
        await app.until(lambda: shown(app, ALICE, "mot"))
        app.account.say(BOB, "Et moi, après ?")
        await app.until(lambda: shown(app, BOB, "⏳"))
        app.account.say(ALICE, "/stop")
        await app.settled(timeout_s=30)
        await app.ask(ALICE, "/supprimer")
        await app.tap(ALICE, "Effacer mes données")
        await app.tap(ALICE, "Oui, tout effacer")
        await app.until(lambda: "Tout est effacé" in app.account.texts(ALICE)[-1])
        statistics = await app.services.counters.read()
        assert await replayed_nothing(app) == "gone"
        known = await app.services.redis.call("SCRIPT", "EXISTS", *SCRIPTS.values())
    assert [name for name, yes in zip(SCRIPTS, known, strict=True) if not yes] == []
    assert (statistics.lost, statistics.counts["refused_429"]) == (0, 1)


@contextmanager
def frozen(processes: list[subprocess.Popen[bytes]]) -> Iterator[None]:
    """Stop processes amid their work: what they had written is all there is."""
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGCONT)


async def replicated(redis: RedisConnection) -> None:
    """Wait until the replica has every write so far: Redis replicates after it answers, and what
    the replica lacks is lost with the node.
    """
    await redis.call("SET", f"{KEY_PREFIX}:last_write", "1")  # WAIT is about its caller's writes
    async with asyncio.timeout(30):
        while await redis.call("WAIT", 1, 1_000) == 0:
            pass


async def test_the_death_of_the_node_with_the_queue_loses_and_doubles_nothing(
    cluster: RedisCluster, database_url: str, key_file: Path, tmp_path: Path
) -> None:
    url = cluster.stranger(KEY_PREFIX).url
    async with deployed(url, database_url, key_file, tmp_path, workers=2) as deployment:
        await deployment.redis.call("FLUSHALL")
        await deployment.until_workers_read(2)
        for number in range(4):
            for chat in PEOPLE:
                deployment.ask(chat, number)
            await asyncio.sleep(0.3)  # the pace at which people ask
            if number == 1:
                with frozen([*deployment.workers, *deployment.others]):
                    await replicated(deployment.redis)
                    cluster.owner(KEY_PREFIX).kill()
        await deployment.settled(timeout_s=40)
        observed, statistics = deployment.observed(), await deployment.statistics()
    assert (observed.asked, observed.lost, observed.duplicates, observed.disordered) == (
        32,
        0,
        0,
        0,
    )
    assert statistics.lost == 0
