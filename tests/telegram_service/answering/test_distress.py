"""Who to call comes first, whatever became of the message itself."""

from pathlib import Path

import pytest

from tests.telegram_service.running_app import RunningApp, running

pytestmark = pytest.mark.slow

ALICE, BOB = 11, 12
CRIES = {
    "j'ai envie de mourir à cause de mon travail": "3114",
    "I want to die because of my job": "3114",
    "งานทำให้ฉันอยากตาย": "3114",
    "工作让我不想活了": "3114",
}


async def first_text(app: RunningApp, chat: int, text: str, **more: object) -> str:
    return str((await app.ask(chat, text, **more))[0]["text"])


async def test_who_to_call_comes_first_over_quota_and_for_a_stranger(
    redis_url: str, database_url: str, key_file: Path
) -> None:
    limits, bot = {"questions_per_minute": 1}, {"allowed_users": [ALICE]}
    async with running(redis_url, database_url, key_file, limits=limits, bot=bot) as app:
        await app.ask(ALICE, "Quel préavis ?")
        for cry, number in CRIES.items():
            assert number in await first_text(app, ALICE, cry)
            assert number in await first_text(app, BOB, cry)


async def test_who_to_call_comes_first_beside_what_is_not_read(app: RunningApp) -> None:
    for cry, number in CRIES.items():
        assert number in await first_text(app, ALICE, f"/nimporte {cry}")
    cry, number = next(iter(CRIES.items()))
    before = len(app.account.texts(ALICE))
    for piece in (f"{cry} ".ljust(4_096, "x"), *["x" * 4_096] * 7):  # as clients split a text
        app.account.say(ALICE, piece)
    await app.settled()
    assert number in app.account.texts(ALICE)[before]
    assert "trop long" in app.account.texts(ALICE)[before + 1]
    cry, number = "I want to die because of my job", "3114"
    before = len(app.account.texts(ALICE))
    app.account.say(ALICE, cry, date="no date at all")  # cannot be read: it is given up
    await app.settled()
    lines, apology = app.account.texts(ALICE)[before:]
    assert number in lines
    assert apology.startswith("I am sorry, I could not read this message")
    app.account.attach(BOB, "image.xyz", b"x", caption=cry)
    await app.settled()
    assert number in app.account.texts(BOB)[0]
