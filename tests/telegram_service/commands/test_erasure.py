"""/supprimer, while parts are down, while workers die, and while the person's questions wait."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from shared.reading.documents import Document
from telegram_service.queue.update_queue import COUNTERS
from telegram_service.state.erasures import ERASURES, REWRITE_DUE
from tests.telegram_service.deployment import Deployment, deployed
from tests.telegram_service.running_app import RunningApp, running

pytestmark = pytest.mark.slow

ALICE, BOB = 11, 12
GROUP = -1001


async def confirm_erasure(app: RunningApp, person: int = ALICE) -> None:
    await app.ask(person, "/supprimer")
    await app.tap(person, "Effacer mes données")
    await app.tap(person, "Oui, tout effacer")


async def told_of_the_end(app: RunningApp, person: int = ALICE) -> str:
    await app.until(lambda: "Tout est effacé" in app.account.texts(person)[-1])
    return app.account.texts(person)[-1]


async def keys_of(app: RunningApp, person: int) -> list[str]:
    """The names of all keys that stand for a person, except what keeps late updates out."""
    name = app.services.vault.name(person)
    found = [key.decode() for key in await app.services.redis.call("KEYS", f"*{name}*")]
    short_lived = ("{tg}:erased:", "{tg}:quota:", "{tg}:rate:", "{tg}:chat:")
    return [key for key in found if not key.startswith(short_lived)]


async def test_while_ai_core_is_down_the_rest_is_erased_and_its_part_when_it_is_back(
    app: RunningApp,
) -> None:
    await app.services.store.migrate()
    await app.ask(ALICE, "Une question à oublier ?")
    await app.services.journal.drain()
    await app.ask(ALICE, "/supprimer")
    await app.tap(ALICE, "Effacer mes données")
    app.ai.script.status = 503
    await app.tap(ALICE, "Oui, tout effacer")
    await app.until(lambda: "Votre demande est enregistrée" in app.account.texts(ALICE)[-1])
    assert await app.services.store.messages(ALICE) == []
    assert await keys_of(app, ALICE) == []
    assert app.ai.erased == []

    app.ai.script.status = 200
    told = await told_of_the_end(app)
    assert "Messages : 2" in told
    assert "Conversations : 1" in told
    assert set(app.ai.erased) == {"scripted-00000001"}
    async with asyncio.timeout(10):
        while await app.services.redis.call("EXISTS", ERASURES):  # noqa: ASYNC110 - polls Redis
            await asyncio.sleep(0.01)
    assert (await app.services.counters.read()).counts.get("dead", 0) == 0


async def test_the_person_is_told_what_remains_and_for_how_long(
    redis_url: str, database_url: str, key_file: Path
) -> None:
    store = {"key_file": key_file, "backup_days": 45}
    async with running(redis_url, database_url, key_file, store=store) as app:
        await confirm_erasure(app)
        told = await told_of_the_end(app)
    assert "sauvegardes chiffrées, détruites au plus tard dans 45 jours" in told
    assert "sans votre nom ni votre identifiant" in told


async def test_questions_that_wait_are_not_answered_after_an_erasure(
    redis_url: str, database_url: str, key_file: Path
) -> None:
    """One is being answered, one waits in the private chat, one in a group that another holds."""
    async with running(redis_url, database_url, key_file, ai={"at_once": 8}) as app:
        await app.services.store.migrate()
        await app.ask(ALICE, "/supprimer")
        await app.tap(ALICE, "Effacer mes données")
        [button] = [
            (message["message_id"], each["callback_data"])
            for message in app.account.written(ALICE)
            for row in message.get("reply_markup", {}).get("inline_keyboard", [])
            for each in row
            if "tout effacer" in each["text"]
        ]
        app.ai.script.answer, app.ai.script.pause_s = "mot " * 200, 0.05
        app.account.say(ALICE, "Première ?")
        app.account.say(GROUP, "@CodeDuTravailNeoBot Celle de Bob ?", person=BOB)
        await app.until(lambda: len(app.ai.asked) == 2)
        app.account.say(ALICE, "Deuxième ?")
        app.account.say(GROUP, "@CodeDuTravailNeoBot Celle d'Alice ?", person=ALICE)
        async with asyncio.timeout(10):
            while (await app.services.counters.read()).waiting < 4:  # noqa: ASYNC110 - polls Redis
                await asyncio.sleep(0.01)
        app.account.tap(ALICE, *button)
        await app.until(lambda: any("Tout est effacé" in text for text in app.account.texts(ALICE)))
        await app.settled()

        asked = [each.messages[-1].content for each in app.ai.asked]
        await app.services.journal.drain()
        counts = await app.services.redis.call("HGET", COUNTERS, "stopped")
        assert [text for text in asked if "Deuxième" in text or "Alice" in text] == []
        assert await app.services.store.messages(ALICE) == []
        assert await keys_of(app, ALICE) == []
        assert (await app.services.counters.read()).lost == 0
        assert int(counts) >= 2
        [later] = await app.ask(ALICE, "/start")
        assert later["text"].startswith("Bonjour")


async def test_the_log_of_redis_is_rewritten_after_an_erasure(app: RunningApp) -> None:
    async def rewrites() -> int:
        info = (await app.services.redis.call("INFO", "stats")).decode()
        return int(info.split("total_forks:")[1].split()[0])

    before = await rewrites()
    await app.ask(ALICE, "Une question à oublier ?")
    await confirm_erasure(app)
    await told_of_the_end(app)
    async with asyncio.timeout(20):
        while await app.services.redis.call("EXISTS", REWRITE_DUE):  # noqa: ASYNC110 - polls Redis
            await asyncio.sleep(0.02)
    assert await rewrites() > before


@pytest.mark.parametrize("moment", ["while ai_core erases", "while ai_core is down"])
async def test_an_erasure_whose_worker_is_killed_is_completed_by_the_next(
    redis_url: str, database_url: str, key_file: Path, tmp_path: Path, moment: str
) -> None:
    async with deployed(redis_url, database_url, key_file, tmp_path, workers=1) as deployment:
        account, script = deployment.account, deployment.ai.script
        account.say(ALICE, "Une question à oublier ?")
        await deployment.settled(timeout_s=30)
        account.say(ALICE, "/supprimer")
        await deployment.settled(timeout_s=30)
        tap(deployment, "Effacer mes données")
        await deployment.settled(timeout_s=30)
        script.status, script.erase_pause_s = (200, 60.0) if moment.endswith("erases") else (503, 0)
        tap(deployment, "tout effacer")
        await until(
            lambda: (
                deployment.ai.erasures_begun > 0
                or "Votre demande est enregistrée" in account.texts(ALICE)[-1]
            )
        )
        await deployment.kill(deployment.workers[0])
        script.status, script.erase_pause_s = 200, 0.0
        deployment.start("worker")
        await until(lambda: "Tout est effacé" in account.texts(ALICE)[-1])
        await deployment.settled(timeout_s=30)
        assert "scripted-00000001" in deployment.ai.erased
        statistics = await deployment.statistics()
    connection = await asyncpg.connect(database_url, command_timeout=30)
    try:
        receipts = await connection.fetchval("SELECT count(*) FROM receipts")
        kept = await connection.fetchval("SELECT count(*) FROM messages")
    finally:
        await connection.close()
    assert (receipts, kept, statistics.lost) == (1, 0, 0)


def tap(deployment: Deployment, label: str) -> None:
    """Press the newest button whose label contains `label`."""
    for message in reversed(deployment.account.written(ALICE)):
        for row in message.get("reply_markup", {}).get("inline_keyboard", []):
            for button in row:
                if label in button["text"]:
                    number = message["message_id"]
                    deployment.account.tap(ALICE, number, button["callback_data"])
                    return
    raise AssertionError(f"no button {label}")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(40):
        while not condition():  # noqa: ASYNC110 - what the person sees has no event
            await asyncio.sleep(0.02)


async def test_a_document_that_is_being_read_is_not_kept_after_an_erasure(app: RunningApp) -> None:
    await app.services.store.migrate()
    await app.ask(ALICE, "/supprimer")
    await app.tap(ALICE, "Effacer mes données")
    read, begun, go_on = app.services.documents.read, asyncio.Event(), asyncio.Event()

    async def read_slowly(told: str, content: bytes) -> Document:
        begun.set()
        await go_on.wait()
        return await read(told, content)

    app.services.documents.read = read_slowly  # type: ignore[method-assign]
    app.account.attach(ALICE, "lettre.txt", b"Votre contrat prend fin.", "Que dois-je faire ?")
    async with asyncio.timeout(20):
        await begun.wait()
    [button] = [
        (message["message_id"], each["callback_data"])
        for message in app.account.written(ALICE)
        for row in message.get("reply_markup", {}).get("inline_keyboard", [])
        for each in row
        if "tout effacer" in each["text"]
    ]
    app.account.tap(ALICE, *button)
    await app.until(lambda: any("Tout est effacé" in text for text in app.account.texts(ALICE)))
    go_on.set()
    await app.settled()
    assert await app.services.redis.call("KEYS", "*:document") == []
    assert await app.services.redis.call("KEYS", "*:question") == []
