"""The worker's edge cases: poison, waiting, invitations, freezing, polling, no token."""

import asyncio
import io
import signal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from shared.logs import set_up_logs
from telegram_service.answering.apology import apologise
from telegram_service.answering.services import Services, bot_texts, open_services
from telegram_service.bot import COMMANDS
from telegram_service.channels.telegram.bot_api import new_bot
from telegram_service.channels.telegram.parsing import ALLOWED_UPDATES
from telegram_service.channels.telegram.polling import poll
from telegram_service.channels.telegram.registration import register
from telegram_service.errors import ChannelLost
from telegram_service.queue.update_queue import DEAD_LETTERS, READY, Lease
from telegram_service.state.waitlist import POSITIONS
from telegram_service.vault import Vault
from telegram_service.worker import MAX_DEATHS, Worker
from tests.telegram_service.deployment import deployed
from tests.telegram_service.running_app import TOKEN, RunningApp, running, telegram_of

pytestmark = pytest.mark.slow

ALICE, BOB = 11, 12
WAITS = (
    "⏳ Votre question est la n° {} de la file d'attente. Vous pouvez attendre ou envoyer /stop."
)


async def test_a_poison_update_is_given_up_with_an_apology_and_the_chat_goes_on(
    app: RunningApp,
) -> None:
    app.account.say(ALICE, "Poison", date="no date at all")
    app.account.say(ALICE, "/start")
    await app.settled(timeout_s=20)
    apology, hello = app.account.texts(ALICE)
    assert "Je suis désolé" in apology
    assert hello.startswith("Bonjour")
    [[_, fields]] = await app.services.redis.call("XRANGE", DEAD_LETTERS, "-", "+")
    assert b"Poison" not in b"".join(fields)
    assert (await app.services.counters.read()).lost == 0


async def test_an_update_that_is_none_is_set_aside_at_once_and_its_words_are_not_logged(
    app: RunningApp,
) -> None:
    log = io.StringIO()
    set_up_logs("telegram_service", "debug", log)
    try:
        app.account.say(ALICE, "un secret de famille", date="hier, en famille")
        app.account.say(ALICE, "un secret de famille", reply_to_message={"text": "en famille"})
        await app.settled()
    finally:
        set_up_logs("telegram_service", "warning")

    assert log.getvalue().count('"reason":"unreadable"') == 2
    assert "update failed" not in log.getvalue()
    assert "famille" not in log.getvalue()


async def test_a_message_of_invisible_characters_is_no_question(app: RunningApp) -> None:
    app.account.say(ALICE, "\u202e\u200b")
    app.account.say(ALICE, "\0")
    app.account.say(ALICE, "\u200b\0 \0")
    app.account.say(ALICE, "/start")
    await app.settled()
    [hello] = app.account.texts(ALICE)
    assert hello.startswith("Bonjour")
    assert not app.ai.asked


async def test_nothing_is_lost_or_doubled_while_what_an_update_needs_is_down(
    app: RunningApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A button or a poison update that waits is neither given up nor set aside several times."""
    outages = iter([ChannelLost("away", sent=False)] * 3)

    async def fails_at_first(services: Services, lease: Lease, chat: int, reason: str) -> None:
        if outage := next(outages, None):
            raise outage
        await apologise(services, lease, chat, reason)

    monkeypatch.setattr("telegram_service.worker.apologise", fails_at_first)
    app.account.say(ALICE, "Poison", date="no date at all")
    await app.settled(timeout_s=60)
    assert await app.services.redis.call("XLEN", DEAD_LETTERS) == 1
    assert "Je suis désolé" in app.account.texts(ALICE)[0]

    queue, stored = app.services.queue, b"7|0|0|sealed"
    for _ in range(MAX_DEATHS + 1):
        lease = await queue.claim_control(b"1-0", str(ALICE), stored)
        await queue.postpone(lease, 0.0)
    assert lease.deaths == 0


@pytest.mark.parametrize("sender", [[1], {"id": 5}, 1.5, True, 10**30, "5"])
async def test_an_update_from_nobody_is_set_aside_and_the_chat_goes_on(
    app: RunningApp, sender: object
) -> None:
    """Found by the fuzzer: its sender's name could not be read, so it was tried for ever."""
    nobody: dict[str, Any] = {"from": {"id": sender, "is_bot": False}}
    app.account.say(ALICE, "Poison", **nobody)
    app.account.say(ALICE, "/start")
    await app.settled(timeout_s=60)
    assert app.account.texts(ALICE)[-1].startswith("Bonjour")
    assert (await app.services.counters.read()).lost == 0


async def test_an_apology_that_cannot_be_made_ends_nothing(
    app: RunningApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_services: Services, _lease: Lease, _chat: int, _reason: str) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr("telegram_service.worker.apologise", broken)
    monkeypatch.setattr("telegram_service.worker.RETRY_AFTER_FAILURE_S", 0.01)
    app.account.say(ALICE, "Poison", date="no date at all")
    app.account.say(ALICE, "/start")
    await app.settled(timeout_s=60)
    assert app.account.texts(ALICE)[0].startswith("Bonjour")
    assert await app.services.redis.call("XLEN", DEAD_LETTERS) == 1


async def test_a_worker_that_ends_by_an_error_leaves_what_it_holds_to_another(
    redis_url: str, database_url: str, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = asyncio.Event()

    async def fail() -> None:
        await ending.wait()
        raise KeyError("a bug")

    async with running(
        redis_url, database_url, key_file, workers=0, worker={"drain_s": 0.01}
    ) as app:
        app.ai.script.pause_s = 0.4
        broken, other = Worker(app.services, "broken"), Worker(app.services, "other")
        monkeypatch.setattr(broken, "_requeue_postponed", fail)
        working = asyncio.create_task(broken.run())
        app.account.say(ALICE, "Une question longue ?")
        await app.until(lambda: len(app.ai.asked) == 1)
        ending.set()
        with pytest.raises(ExceptionGroup):
            await working
        assert not broken._jobs
        app.ai.script.pause_s = 0.0
        working = asyncio.create_task(other.run())
        await app.settled()
        other.stop()
        await working
        assert len(app.account.texts(ALICE)) == 1
        assert await app.services.redis.call("XLEN", DEAD_LETTERS) == 0


async def test_a_waiting_person_is_shown_their_position(
    redis_url: str, database_url: str, key_file: Path
) -> None:
    async with running(redis_url, database_url, key_file, ai={"at_once": 1}) as app:
        app.ai.script.pause_s = 0.4
        app.account.say(ALICE, "Une question longue ?")
        await app.until(lambda: len(app.ai.asked) == 1)
        app.account.say(BOB, "Une autre ?")
        await app.until(lambda: any("file d'attente" in text for _, text in drafts(app)))
        await app.settled()
    assert (BOB, WAITS.format(1)) in drafts(app)
    assert len(app.account.texts(BOB)) == 1


@pytest.mark.slow(10)
async def test_the_position_counts_who_waits_in_every_worker(
    redis_url: str, database_url: str, key_file: Path
) -> None:
    chats = range(20, 28)
    half = {"chats": len(chats) // 2}  # so that neither worker takes them all
    async with running(redis_url, database_url, key_file, ai={"at_once": 1}, worker=half) as app:
        app.ai.script.pause_s = 0.3
        vault = await asyncio.to_thread(Vault.read, key_file)
        async with open_services(app.settings, vault) as services:  # as in a process of its own
            other = Worker(services, "another process")
            working = asyncio.create_task(other.run())
            for chat in chats:
                app.account.say(chat, "Quel préavis ?")
            await app.until(lambda: len(app.ai.asked) == 2)
            await app.until(lambda: len(positions(app)) >= 6)
            first_positions = {position for _, position in sorted(positions(app).items())}
            await app.settled(timeout_s=30)
            left = await services.redis.call("ZCARD", POSITIONS)
            other.stop()
            await working
    assert first_positions == {WAITS.format(position) for position in range(1, 7)}
    assert left == 0


def positions(app: RunningApp) -> dict[int, str]:
    """Return the first position each chat was shown."""
    shown = [(chat, text) for chat, text in drafts(app) if text.startswith("⏳")]
    return dict(reversed(shown))


def drafts(app: RunningApp) -> list[tuple[int, str]]:
    return app.account.shown_drafts


async def test_only_allowed_people_are_answered_and_the_others_are_notified(
    redis_url: str, database_url: str, key_file: Path
) -> None:
    bot = {"allowed_users": [ALICE]}
    async with running(redis_url, database_url, key_file, bot=bot) as app:
        await app.ask(ALICE, "Quel préavis ?")
        [refused] = await app.ask(BOB, "Quel préavis ?")
        assert "réservé aux personnes invitées" in refused["text"]
        assert len(app.ai.asked) == 1


@pytest.mark.slow(12)
async def test_a_worker_that_was_frozen_comes_back_and_doubles_nothing(
    redis_url: str, database_url: str, key_file: Path, tmp_path: Path
) -> None:
    async with deployed(redis_url, database_url, key_file, tmp_path, workers=1) as deployment:
        deployment.ai.script.pause_s = 0.3
        for chat in range(100, 108):
            deployment.ask(chat, 0)
        async with asyncio.timeout(20):
            while len(deployment.ai.asked) < 8:  # noqa: ASYNC110 - no event to wait for
                await asyncio.sleep(0.02)
        frozen = deployment.workers[0]
        frozen.send_signal(signal.SIGSTOP)
        deployment.start("worker")
        await deployment.settled(timeout_s=30)
        frozen.send_signal(signal.SIGCONT)
        await deployment.stop(frozen)
        observed = deployment.observed()
    assert (observed.answered, observed.duplicates, observed.lost) == (8, 0, 0)


async def test_polling_accepts_what_waits_and_acknowledges_it(app: RunningApp) -> None:
    await telegram_of(app.services).bot.delete_webhook()
    app.account.say(ALICE, "/start")
    polling = asyncio.create_task(poll(app.settings, app.services.queue))
    await app.until(lambda: len(app.account.texts(ALICE)) == 1)
    await app.until(lambda: not app.account.updates)
    polling.cancel()
    await asyncio.wait([polling])


async def test_telegram_learns_the_address_the_commands_and_the_description(
    app: RunningApp,
) -> None:
    address = "https://bot.example.org/telegram/webhook"
    settings = app.settings.model_copy(
        update={"webhook": app.settings.webhook.model_copy(update={"url": address})}
    )
    texts = await asyncio.to_thread(bot_texts)
    await register(telegram_of(app.services).bot, settings, texts, COMMANDS)
    assert app.api.delivery.url == address
    assert app.account.allowed_updates == frozenset(ALLOWED_UPDATES)
    assert [each["command"] for each in app.account.commands[""]][:3] == [
        "start", "question", "help",
    ]  # fmt: skip
    assert app.account.commands["en"][2]["description"] == "Everything I can do"
    assert app.account.commands["th"][2]["description"] == "ทุกสิ่งที่ทำได้"
    assert app.account.commands["zh"][2]["description"] == "我能做的所有事情"
    assert "intelligence artificielle" in app.account.descriptions[""]
    assert "stopped_message_generation" in ALLOWED_UPDATES


async def test_the_log_never_contains_the_token_or_a_message_at_any_level(
    app: RunningApp,
) -> None:
    log = io.StringIO()
    texts = await asyncio.to_thread(bot_texts)
    set_up_logs("telegram_service", "debug", log)
    app.account.chat(ALICE)
    try:
        await register(telegram_of(app.services).bot, app.settings, texts, COMMANDS)
        await telegram_of(app.services).bot.send_message(ALICE, "un secret de famille")
    finally:
        set_up_logs("telegram_service", "warning")

    assert app.account.texts(ALICE) == ["un secret de famille"]
    assert TOKEN not in log.getvalue()
    assert "famille" not in log.getvalue()


async def test_without_a_token_the_service_runs_and_says_so(
    redis_url: str, database_url: str, key_file: Path, tmp_path: Path
) -> None:
    no_token = {"TELEGRAM_BOT__TOKEN": ""}
    async with (
        deployed(redis_url, database_url, key_file, tmp_path, workers=1, **no_token) as deployment,
        httpx2.AsyncClient(base_url=deployment.url) as http,
    ):
        health = (await http.get("/health")).json()
        assert health["status"] == "waiting for a channel"
        assert {channel["status"] for channel in health["channels"].values()} == {"off"}
        assert deployment.workers[0].poll() is None


async def test_the_bots_client_calls_only_methods_the_emulator_knows(app: RunningApp) -> None:
    bot = new_bot(TOKEN, str(app.settings.bot.api_url))
    async with bot:
        assert bot.username == "CodeDuTravailNeoBot"
    assert not [call for call in app.account.calls if call.error == "Not Found"]


async def test_a_redis_that_comes_back_empty_does_not_end_the_worker(app: RunningApp) -> None:
    await app.ask(ALICE, "/start")
    await app.services.redis.call("FLUSHALL")
    async with asyncio.timeout(5):
        while not await app.services.redis.call("EXISTS", READY):  # noqa: ASYNC110 - polls Redis
            await asyncio.sleep(0.01)
    await app.ask(BOB, "/start")
    assert len(app.account.texts(BOB)) == 1


async def test_without_postgres_answers_go_on_and_an_export_waits(
    redis_url: str, key_file: Path
) -> None:
    nowhere = "postgresql://neo:x@127.0.0.1:9/x"
    async with running(redis_url, nowhere, key_file) as app:
        [answer] = await app.ask(ALICE, "Quel préavis ?")
        assert answer["text"].startswith("La réponse")
        assert await app.services.journal.length() == 3
        app.account.say(ALICE, "/mesdonnees")
        await app.until(lambda: len(app.account.texts(ALICE)) == 2)
        assert "Votre demande est gardée" in app.account.texts(ALICE)[1]
        await app.until_claimed(ALICE, times=2)
        assert len(app.account.texts(ALICE)) == 2
        assert (await app.services.counters.read()).lost == 0
