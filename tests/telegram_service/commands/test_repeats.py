"""Commands that are repeated do not delay the next question."""

from pathlib import Path

import pytest

from tests.telegram_service.running_app import RunningApp, running

pytestmark = pytest.mark.slow

ALICE = 11
COMMANDS = ("/start", "/help", "/status", "/models", "/settings", "/article", "/switch", "/xyz",
            "/article L1", "/article L2", "/settings 1", "/settings 2")  # fmt: skip


async def test_thirty_starts_are_answered_twice_and_the_question_at_once(
    app: RunningApp,
) -> None:
    for _ in range(30):
        app.account.say(ALICE, "/start")
    app.account.say(ALICE, "Quel préavis ?")
    await app.settled()
    starts = [text for text in app.account.texts(ALICE) if text.startswith("Bonjour")]
    assert len(starts) == 2
    assert app.account.texts(ALICE)[-1].startswith("La réponse")


async def test_many_commands_at_once_are_left_out_and_it_is_said_once(app: RunningApp) -> None:
    for command in COMMANDS:
        app.account.say(ALICE, command)
    await app.settled()
    said = [text for text in app.account.texts(ALICE) if "beaucoup de commandes" in text]
    assert len(said) == 1
    assert len(app.account.texts(ALICE)) < len(COMMANDS)


async def test_stop_is_carried_out_however_often_it_comes(app: RunningApp) -> None:
    app.ai.script.answer, app.ai.script.pause_s = "mot " * 400, 0.05
    for _ in range(3):
        await app.ask(ALICE, "/stop")
    app.account.say(ALICE, "Racontez longuement.")
    await app.until(lambda: len(app.ai.asked) == 1)
    app.account.say(ALICE, "/stop")
    await app.settled()
    assert any("arrêtée à votre demande" in text for text in app.account.texts(ALICE))
    assert app.account.texts(ALICE).count("⏹ Arrêté.") == 2


async def test_a_quota_is_told_twice_a_minute(
    redis_url: str, database_url: str, key_file: Path
) -> None:
    limits = {"questions_per_minute": 1}
    async with running(redis_url, database_url, key_file, limits=limits) as app:
        for _ in range(6):
            app.account.say(ALICE, "Quel préavis ?")
        await app.settled()
        told = [text for text in app.account.texts(ALICE) if "d'un coup" in text]
        assert len(told) == 2
