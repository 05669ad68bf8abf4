"""The pace: what is obeyed when Telegram says no, and who goes first."""

import asyncio
import time
from pathlib import Path

from telegram_service.sending.formatting import Letter
from telegram_service.sending.sender import Place, Priority
from tests.telegram_service.rig import Rig, running

ALICE = 11


async def test_no_call_is_made_inside_a_retry_after_and_the_final_follows_it(rig: Rig) -> None:
    rig.ai.script.answer, rig.ai.script.pause_s = "mot " * 60, 0.05
    rig.account.hold(ALICE, 2.0)
    began = time.monotonic()
    await rig.ask(ALICE, "Quel préavis ?")
    ended = [call.at_s for call in rig.account.calls if call.method == "sendMessage"][-1] - began
    refused = [call for call in rig.account.calls if call.error.startswith("Too Many")]
    assert len(refused) == 1
    assert rig.account.violations == 1
    assert 2.0 <= ended < 3.1


async def test_one_chats_refusal_does_not_hold_another(rig: Rig) -> None:
    rig.account.hold(ALICE, 5.0)
    rig.account.say(ALICE, "/start")
    began = time.monotonic()
    await asyncio.sleep(0.1)
    rig.account.say(12, "/start")
    await rig.until(lambda: len(rig.account.texts(12)) == 1)
    assert time.monotonic() - began < 2
    rig.account.holds.clear()
    await rig.settled(patience_s=20)


async def test_passing_calls_leave_room_for_the_final(
    redis_url: str, database_url: str, key_file: Path
) -> None:
    limits = {"private_per_s": 0.5, "private_burst": 3}
    async with running(redis_url, database_url, key_file, limits=limits) as rig:
        place, letter = Place(ALICE), Letter(text="Bonjour")
        shown = [await rig.parts.sender.draft(place, 1, "…") for _ in range(5)]
        assert shown == [True, False, False, False, False]
        began = time.monotonic()
        for _ in range(2):
            await rig.parts.sender.send(place, letter, Priority.FINAL)
        assert time.monotonic() - began < 1


async def test_a_long_answer_costs_few_calls(rig: Rig) -> None:
    rig.ai.script.answer = "Une phrase de quarante caractères environ. " * 95
    rig.ai.script.piece_characters, rig.ai.script.pause_s = 160, 0.1
    await rig.ask(-100_7, "@CodeDuTravailNeoBot racontez", person=ALICE)
    assert len(rig.account.calls) - 1 <= 10
