"""Rate limits: what is obeyed after a 429, and which calls go first."""

import time
from pathlib import Path

import pytest

from telegram_service.addresses import ChatAddress
from telegram_service.channels.channel import Priority
from telegram_service.channels.message import OutgoingMessage
from telegram_service.channels.telegram.client import rates_of
from telegram_service.emulators.telegram.objects import BotApiError, Refusal
from telegram_service.emulators.telegram.pacing import GROUP_PER_MINUTE
from telegram_service.queue.update_queue import DEAD_LETTERS
from telegram_service.settings import LimitSettings
from tests.telegram_service.running_app import RunningApp, running, telegram_of

pytestmark = pytest.mark.slow

ALICE = 11


async def test_no_call_is_made_inside_a_retry_after_and_the_final_follows_it(
    app: RunningApp,
) -> None:
    app.ai.script.answer, app.ai.script.pause_s = "mot " * 60, 0.05
    app.account.rate_limit(ALICE, 2.0)
    began = time.monotonic()
    await app.ask(ALICE, "Quel préavis ?")
    ended = [call.at_s for call in app.account.calls if call.method == "sendMessage"][-1] - began
    refused = [call for call in app.account.calls if call.error.startswith("Too Many")]
    assert len(refused) == 1
    assert app.account.pacing.violations == 1
    assert 2.0 <= ended < 3.1


async def test_one_chats_refusal_does_not_hold_another(app: RunningApp) -> None:
    app.account.rate_limit(ALICE, 5.0)
    app.account.say(ALICE, "/start")
    began = time.monotonic()
    await app.until(lambda: any(call.error for call in app.account.calls))
    app.account.say(12, "/start")
    await app.until(lambda: len(app.account.texts(12)) == 1)
    assert time.monotonic() - began < 2
    app.account.pacing.limited_until.clear()
    await app.settled(timeout_s=20)


async def test_preview_calls_leave_room_for_the_final(
    redis_url: str, database_url: str, key_file: Path
) -> None:
    limits = {"private_per_s": 0.5, "private_burst": 3}
    async with running(redis_url, database_url, key_file, limits=limits) as app:
        address, message = ChatAddress(ALICE), OutgoingMessage(text="Bonjour")
        app.account.chat(ALICE)
        shown = [await telegram_of(app.services).draft(address, 1, "…") for _ in range(5)]
        assert shown == [True, False, False, False, False]
        began = time.monotonic()
        for _ in range(2):
            await telegram_of(app.services).send(address, message, Priority.FINAL)
        assert time.monotonic() - began < 1


async def test_a_long_answer_costs_few_calls(app: RunningApp) -> None:
    app.ai.script.answer = "Une phrase de quarante caractères environ. " * 95
    app.ai.script.piece_characters, app.ai.script.pause_s = 160, 0.1
    await app.ask(-100_7, "@CodeDuTravailNeoBot racontez", person=ALICE)
    assert len(app.account.calls) - 1 <= 10


async def test_a_file_is_asked_for_again_when_telegram_allows_it(app: RunningApp) -> None:
    error = BotApiError(429, "Too Many Requests: retry after 1", retry_after_s=1)
    app.account.refusals = [Refusal("getFile", error, times=1)]
    app.account.attach(ALICE, "contrat.txt", b"Essai de deux mois.", "Est-ce valable ?")
    await app.settled()
    [answer] = app.account.texts(ALICE)
    assert answer.startswith("La réponse")
    assert "Essai de deux mois." in app.ai.asked[-1].messages[-1].content
    first, second = [call.at_s for call in app.account.calls if call.method == "getFile"]
    assert second - first >= 1
    assert await app.services.redis.call("XLEN", DEAD_LETTERS) == 0


def test_what_a_group_gets_in_any_minute_is_what_telegram_allows() -> None:
    rates = rates_of(LimitSettings())
    assert rates.group_burst + 60 * rates.group_per_s <= GROUP_PER_MINUTE
