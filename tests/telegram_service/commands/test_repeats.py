"""Commands that are repeated do not delay the next question."""

from pathlib import Path

import pytest

from tests.telegram_service.running_app import RunningApp, running

pytestmark = pytest.mark.slow

ALICE = 11


@pytest.mark.parametrize(("command", "said"), [("/start", "Bonjour"), ("/help", "Ce que je sais")])
async def test_thirty_commands_are_answered_a_few_times_and_the_question_at_once(
    app: RunningApp, command: str, said: str
) -> None:
    for _ in range(30):
        app.account.say(ALICE, command)
    app.account.say(ALICE, "Quel préavis ?")
    await app.settled()
    answers = [text for text in app.account.texts(ALICE) if text.startswith(said)]
    assert 1 <= len(answers) <= 8  # one for each claim of the chat while they arrive
    assert any(text.startswith("La réponse") for text in app.account.texts(ALICE))


async def test_a_command_that_is_asked_again_after_its_answer_is_answered_again(
    app: RunningApp,
) -> None:
    for _ in range(5):
        assert len(await app.ask(ALICE, "/start")) == 1


async def test_stop_is_carried_out_however_often_it_comes(app: RunningApp) -> None:
    app.ai.script.answer, app.ai.script.pause_s = "mot " * 400, 0.05
    for _ in range(4):
        await app.ask(ALICE, "/stop")
    app.account.say(ALICE, "Racontez longuement.")
    await app.until(lambda: len(app.ai.asked) == 1)
    app.account.say(ALICE, "/stop")
    await app.settled()
    assert any("arrêtée à votre demande" in text for text in app.account.texts(ALICE))
    assert app.account.texts(ALICE).count("⏹ Arrêté.") <= 5


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


async def test_thirty_different_commands_are_cut_short_and_it_is_said_once(
    app: RunningApp,
) -> None:
    for number in range(30):
        app.account.say(ALICE, f"/article L1234-{number}")
    app.account.say(ALICE, "Quel préavis ?")
    await app.settled()
    texts = app.account.texts(ALICE)
    assert sum("beaucoup de commandes" in text for text in texts) == 1
    assert sum(text.startswith("Je ne trouve pas d'article") for text in texts) == 10
    assert texts[-1].startswith("La réponse")
