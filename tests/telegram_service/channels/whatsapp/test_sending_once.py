"""Each message once, within 24 hours: replies that are lost, rates, windows, tokens."""

import asyncio
from pathlib import Path
from typing import Literal

import pytest

from telegram_service.channels.whatsapp import api
from telegram_service.emulators.whatsapp.account import Account
from telegram_service.emulators.whatsapp.people import contact
from tests.telegram_service.channels.whatsapp.whatsapp_app import (
    TOKEN,
    WhatsAppApp,
    generous,
    whatsapp_app,
)

pytestmark = pytest.mark.slow

QUESTION = "Quel préavis ?"
WINDOW_S = 24 * 3600
TEMPLATE = ("reponse_prete", "fr")


async def test_a_message_whose_reply_is_lost_is_found_by_its_status(
    redis_url: str, database_url: str, key_file: Path
) -> None:
    account = generous()
    account.status_delay_s = 0.5
    async with whatsapp_app(redis_url, database_url, key_file, account, timeout_s=1) as app:
        app.api.lost_replies = 1
        assert len(await app.ask(1, QUESTION)) == 1
        counts = await app.counts()
        assert counts["found_again"] == 1
        assert "sent_again" not in counts


async def test_a_message_that_never_arrived_is_sent(
    redis_url: str, database_url: str, key_file: Path
) -> None:
    async with whatsapp_app(redis_url, database_url, key_file, generous()) as app:
        app.api.broken_calls = 2
        assert len(await app.ask(1, QUESTION)) == 1
        assert "found_again" not in await app.counts()


async def test_after_24_hours_a_template_asks_to_write_again_once_a_day(
    redis_url: str, database_url: str, key_file: Path
) -> None:
    account = generous()
    account.templates = {TEMPLATE}
    settings = {"template": TEMPLATE[0], "template_language": TEMPLATE[1]}
    async with whatsapp_app(redis_url, database_url, key_file, account, **settings) as app:
        await app.ask(1, QUESTION)
        app.ai.script.status = 503
        for text in ("Et en CDD ?", "Et en intérim ?"):
            app.account.say(1, text)
        await app.until(lambda: len(app.account.written(1)) > 1)
        before = len(app.account.written(1))
        await close_window(app, 1)
        account.later_s = WINDOW_S + 60
        app.ai.script.status = 200
        await app.settled()
        since = [sent.body for sent in account.written(1)[before:]]
        assert [body["type"] for body in since] == ["template"]
        assert since[0]["template"]["name"] == TEMPLATE[0]
        assert (await app.counts())["whatsapp_window_closed"] == 2
        assert account.refusals == []
        [answer] = await app.ask(1, "Me revoici")
        assert "L9999-1" in answer.shown


async def test_a_window_that_meta_says_is_closed_is_believed(
    redis_url: str, database_url: str, key_file: Path
) -> None:
    errors: tuple[Literal["response", "status"], ...] = ("response", "status")
    for person, error in enumerate(errors):
        account = generous()
        account.window_error = error
        async with whatsapp_app(redis_url, database_url, key_file, account) as app:
            app.account.say(person, "Bonjour")
            account.later_s = WINDOW_S + 60
            await app.settled()
            assert account.written(person) == []
            name = app.services.vault.name(f"whatsapp:{contact(person).user_id}")
            await until_gone(app, f"{{tg}}:whatsapp:window:{name}")


async def test_rates_and_a_lapsed_token_delay_a_message_and_lose_none(
    redis_url: str, database_url: str, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "BLOCKED_RETRY_S", 0.3)
    monkeypatch.setattr(api, "RATE_CODES", {**api.RATE_CODES, 131056: 0.3})
    account = Account(pair_burst=1, pair_interval_s=0.5, number_per_s=1000)
    async with whatsapp_app(redis_url, database_url, key_file, account) as app:
        app.api.token = "another-token"  # noqa: S105 - a made-up one
        app.account.say(1, QUESTION)
        app.account.say(1, "Et en CDD ?")
        await app.until(lambda: 190 in account.refusals)
        app.api.token = TOKEN
        await app.settled()
        assert 131056 in account.refusals
        answers = [text for text in account.texts(1) if "L9999-1" in text]
        assert len(answers) == 2


async def close_window(app: WhatsAppApp, person: int) -> None:
    """Let a day pass for what Redis knows of a person's window."""
    name = app.services.vault.name(f"whatsapp:{contact(person).user_id}")
    await app.services.redis.call("DEL", f"{{tg}}:whatsapp:window:{name}")


async def until_gone(app: WhatsAppApp, key: str) -> None:
    """Wait until Redis no longer has a key."""
    async with asyncio.timeout(60):
        while await app.services.redis.call("EXISTS", key):  # noqa: ASYNC110 - a key of Redis
            await asyncio.sleep(0.01)
