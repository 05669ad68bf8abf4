"""The worker's edges: poison, waiting in line, invitations, freezing, polling, no token."""

import asyncio
import io
import signal
from pathlib import Path

import httpx2

from shared.logs import set_up_logs
from shared.privacy.encryption import Vault
from shared.texts import Texts
from telegram_service.app import SHARED_TEXTS, TEXTS, open_parts
from telegram_service.queue.polling import poll
from telegram_service.queue.update_queue import DEAD
from telegram_service.registration import register
from telegram_service.sending.sender import new_bot
from telegram_service.state.waitlist import PLACES
from telegram_service.updates import ALLOWED_UPDATES
from telegram_service.worker import Worker
from tests.telegram_service.deployment import deployed
from tests.telegram_service.rig import SECRET, TOKEN, Rig, running, settings_for

ALICE, BOB = 11, 12
WAITS = (
    "⏳ Votre question est la n° {} de la file d'attente. Vous pouvez attendre ou envoyer /stop."
)


async def test_a_poison_update_is_given_up_with_an_apology_and_the_chat_goes_on(rig: Rig) -> None:
    rig.account.say(ALICE, "Poison", date="no date at all")
    rig.account.say(ALICE, "/start")
    await rig.settled(patience_s=20)
    apology, hello = rig.account.texts(ALICE)
    assert "Je suis désolé" in apology
    assert hello.startswith("Bonjour")
    [[_, fields]] = await rig.parts.redis.call("XRANGE", DEAD, "-", "+")
    assert b"Poison" not in b"".join(fields)
    assert (await rig.parts.counter.read()).lost == 0


async def test_who_waits_is_told_their_place_in_line(
    redis_url: str, database_url: str, key_file: Path
) -> None:
    async with running(redis_url, database_url, key_file, ai={"at_once": 1}) as rig:
        rig.ai.script.pause_s = 0.4
        rig.account.say(ALICE, "Une question longue ?")
        await rig.until(lambda: len(rig.ai.asked) == 1)
        rig.account.say(BOB, "Une autre ?")
        await rig.until(lambda: any("file d'attente" in text for _, text in drafts(rig)))
        await rig.settled()
    assert (BOB, WAITS.format(1)) in drafts(rig)
    assert len(rig.account.texts(BOB)) == 1


async def test_the_place_in_line_counts_who_waits_in_every_worker(
    redis_url: str, database_url: str, key_file: Path
) -> None:
    chats = range(20, 28)
    async with running(redis_url, database_url, key_file, ai={"at_once": 1}) as rig:
        rig.ai.script.pause_s = 0.3
        vault = await asyncio.to_thread(Vault.read, key_file)
        async with open_parts(rig.settings, vault) as parts:  # as in a process of its own
            other = Worker(parts, "another process")
            working = asyncio.create_task(other.run())
            for chat in chats:
                rig.account.say(chat, "Quel préavis ?")
            await rig.until(lambda: len(rig.ai.asked) == 2)
            await rig.until(lambda: len(told(rig)) >= 6)
            first_told = {place for _, place in sorted(told(rig).items())}
            await rig.settled(patience_s=30)
            left = await parts.redis.call("ZCARD", PLACES)
            other.stop()
            await working
    assert first_told == {WAITS.format(place) for place in range(1, 7)}
    assert left == 0


def told(rig: Rig) -> dict[int, str]:
    """Return the first place each chat was told."""
    places = [(chat, text) for chat, text in drafts(rig) if text.startswith("⏳")]
    return dict(reversed(places))


def drafts(rig: Rig) -> list[tuple[int, str]]:
    return rig.account.shown_drafts


async def test_an_invited_few_are_answered_and_the_others_told_so(
    redis_url: str, database_url: str, key_file: Path
) -> None:
    bot = {"allowed_users": [ALICE]}
    async with running(redis_url, database_url, key_file, bot=bot) as rig:
        await rig.ask(ALICE, "Quel préavis ?")
        [refused] = await rig.ask(BOB, "Quel préavis ?")
        assert "réservé aux personnes invitées" in refused["text"]
        assert len(rig.ai.asked) == 1


async def test_a_worker_that_was_frozen_comes_back_and_doubles_nothing(
    redis_url: str, database_url: str, key_file: Path, tmp_path: Path
) -> None:
    async with deployed(redis_url, database_url, key_file, tmp_path, workers=1) as here:
        here.ai.script.pause_s = 0.3
        for chat in range(100, 108):
            here.ask(chat, 0)
        async with asyncio.timeout(20):
            while len(here.ai.asked) < 8:  # noqa: ASYNC110 - no event to wait for
                await asyncio.sleep(0.02)
        frozen = here.workers[0]
        frozen.send_signal(signal.SIGSTOP)
        here.start("worker")
        await here.settled(patience_s=30)
        frozen.send_signal(signal.SIGCONT)
        await asyncio.sleep(1.5)
        verdict = here.verdict()
    assert (verdict.answered, verdict.duplicates, verdict.lost) == (8, 0, 0)


async def test_polling_accepts_what_waits_and_acknowledges_it(rig: Rig) -> None:
    await rig.parts.sender.bot.delete_webhook()
    rig.account.say(ALICE, "/start")
    polling = asyncio.create_task(poll(rig.settings, rig.parts.mailbox))
    await rig.until(lambda: len(rig.account.texts(ALICE)) == 1)
    await rig.until(lambda: not rig.account.updates)
    polling.cancel()
    await asyncio.wait([polling])


async def test_telegram_learns_the_address_the_commands_and_the_description(rig: Rig) -> None:
    settings = rig.settings.model_copy(
        update={"webhook": rig.settings.webhook.model_copy(update={"url": f"{rig.url}/telegram"})}
    )
    texts = await asyncio.to_thread(Texts.read, SHARED_TEXTS / "errors.toml", TEXTS / "bot.toml")
    await register(rig.parts.sender.bot, settings, texts)
    assert rig.api.delivery.url == f"{rig.url}/telegram"
    assert rig.account.commands[""][0]["command"] == "start"
    assert rig.account.commands["en"][1]["description"] == "Everything I can do"
    assert "intelligence artificielle" in rig.account.descriptions[""]
    assert "stopped_message_generation" in ALLOWED_UPDATES


async def test_the_log_never_holds_the_token_or_what_was_said_however_much_it_tells(
    rig: Rig,
) -> None:
    log = io.StringIO()
    texts = await asyncio.to_thread(Texts.read, SHARED_TEXTS / "errors.toml", TEXTS / "bot.toml")
    set_up_logs("telegram_service", "debug", log)
    try:
        await register(rig.parts.sender.bot, rig.settings, texts)
        await rig.parts.sender.bot.send_message(ALICE, "un secret de famille")
    finally:
        set_up_logs("telegram_service", "warning")

    assert rig.account.texts(ALICE) == ["un secret de famille"]
    assert TOKEN not in log.getvalue()
    assert "famille" not in log.getvalue()


async def test_without_a_token_the_service_runs_and_says_so(
    redis_url: str, database_url: str, key_file: Path, tmp_path: Path
) -> None:
    no_token = {"TELEGRAM_BOT__TOKEN": ""}
    async with (
        deployed(redis_url, database_url, key_file, tmp_path, workers=1, **no_token) as here,
        httpx2.AsyncClient(base_url=here.url) as http,
    ):
        health = (await http.get("/health")).json()
        assert (health["status"], health["token"]) == ("waiting for a token", False)
        assert here.workers[0].poll() is None


async def test_the_bots_client_calls_only_methods_the_emulator_knows(rig: Rig) -> None:
    bot = new_bot(TOKEN, str(rig.settings.bot.api_url))
    async with bot:
        assert bot.username == "CodeDuTravailNeoBot"
    assert not [call for call in rig.account.calls if call.error == "Not Found"]


def test_settings_never_print_the_secret(tmp_path: Path) -> None:
    settings = settings_for("redis://h", "postgresql://h/x", "http://a", "http://b", tmp_path)
    assert SECRET not in repr(settings)


async def test_a_redis_that_comes_back_empty_does_not_end_the_worker(rig: Rig) -> None:
    await rig.ask(ALICE, "/start")
    await rig.parts.redis.call("FLUSHALL")
    await asyncio.sleep(0.5)
    await rig.ask(BOB, "/start")
    assert len(rig.account.texts(BOB)) == 1


async def test_without_postgres_answers_go_on_and_an_export_waits(
    redis_url: str, key_file: Path
) -> None:
    nowhere = "postgresql://neo:x@127.0.0.1:9/x"
    async with running(redis_url, nowhere, key_file) as rig:
        [answer] = await rig.ask(ALICE, "Quel préavis ?")
        assert answer["text"].startswith("La réponse")
        assert await rig.parts.journal.length() == 3
        rig.account.say(ALICE, "/mesdonnees")
        await rig.until(lambda: len(rig.account.texts(ALICE)) == 2)
        assert "Votre demande est gardée" in rig.account.texts(ALICE)[1]
        await asyncio.sleep(1)
        assert len(rig.account.texts(ALICE)) == 2
        assert (await rig.parts.counter.read()).lost == 0
