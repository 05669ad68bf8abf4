"""Edited messages and commands as people write them."""

import pytest

from telegram_service.queue.command_text import CommandText, command_of
from telegram_service.queue.event import overtakes
from tests.telegram_service.running_app import RunningApp

ALICE, BOB, NAME = 11, 12, "@CodeDuTravailNeoBot"
GROUP = -1_001_000_000_007


def asked(app: RunningApp) -> list[str]:
    return [chat.messages[-1].content for chat in app.ai.asked]


def test_commands_end_at_a_space_of_any_kind() -> None:
    for text, command in (
        ("/article\u00a0L1234-1", CommandText("article", "", "L1234-1")),
        ("/Article\nL1234-1\n", CommandText("article", "", "L1234-1")),
        ("/help\u202f@moi", CommandText("help", "", "@moi")),
        ("/help@Un_Bot\tmerci", CommandText("help", "Un_Bot", "merci")),
        ("/settings\u3000\u200b1486\u2060", CommandText("settings", "", "1486")),
        ("/help", CommandText("help", "", "")),
        ("/help.", CommandText("help", "", ".")),
        ("/dossier/contrat.pdf", None),
        ("/ 3 mois", None),
        ("un /help", None),
    ):
        assert command_of(text) == command
    assert overtakes("/stop\nmerci")
    assert overtakes(f"/RESET{NAME}\u00a0")
    assert not overtakes("/stopper")


@pytest.mark.slow
async def test_commands_before_other_white_space_are_run(app: RunningApp) -> None:
    [article] = await app.ask(ALICE, "/article\u00a0L9999-1")
    assert "Article L9999-1" in article["text"]
    [article] = await app.ask(ALICE, "/article\nL9999-1")
    assert "Article L9999-1" in article["text"]
    [helped] = await app.ask(GROUP, f"/help{NAME}\nmerci", person=ALICE)
    assert helped["text"].startswith("Ce que je sais faire")
    await app.ask(ALICE, "/2 mois de préavis, est-ce normal ?")
    assert asked(app) == []
    await app.ask(ALICE, "/ 2 mois de préavis, est-ce normal ?")
    assert asked(app) == ["/ 2 mois de préavis, est-ce normal ?"]


@pytest.mark.slow
async def test_an_edit_is_answered_when_its_words_are_others(app: RunningApp) -> None:
    app.account.say(ALICE, "Quel préavi ?")
    await app.settled()
    first = {"message": app.account.messages[ALICE, 1]}
    app.account.change(first, "Quel préavi ?")
    await app.settled()
    assert asked(app) == ["Quel préavi ?"]
    app.account.change(first, "Quel préavis ?")
    await app.settled()
    app.account.change(first, "Quel préavis ?")
    await app.settled()
    assert asked(app) == ["Quel préavi ?", "Quel préavis ?"]
    await app.ask(ALICE, "Et les congés ?")
    app.account.change(first, "Quel préavis pour un cadre ?")
    await app.settled()
    assert len(app.ai.asked) == 3


@pytest.mark.slow
async def test_a_command_that_is_corrected_is_run(app: RunningApp) -> None:
    typed = app.account.say(ALICE, "/artcle L9999-1")
    await app.settled()
    app.account.change(typed, "/article L9999-1")
    await app.settled()
    assert "Article L9999-1" in app.account.texts(ALICE)[-1]
    app.account.change(typed, "/article L9999-1")
    await app.settled()
    assert len(app.account.texts(ALICE)) == 2


@pytest.mark.slow
async def test_a_name_that_was_forgotten_is_added_and_nothing_else_is_answered(
    app: RunningApp,
) -> None:
    said = app.account.say(GROUP, "Quel préavis ?", person=ALICE)
    other = app.account.say(GROUP, "On mange où ?", person=BOB)
    old = app.account.say(GROUP, "Bonjour", person=BOB, date=1_700_000_000)
    await app.settled()
    app.account.change(other, "On mange quand ?")
    app.account.change(old, f"{NAME} bonjour")
    app.account.change(said, f"{NAME} Quel préavis ?")
    await app.settled()
    assert asked(app) == ["A : Quel préavis ?"]
    [answer] = app.account.written(GROUP)
    assert answer["reply_to_message"]["message_id"] == said["message"]["message_id"]


@pytest.mark.slow
@pytest.mark.parametrize("chat", [ALICE, GROUP])
@pytest.mark.parametrize("words", ["et pour un cadre ?", "un préavi ?"])
async def test_an_edit_stops_the_answer_being_written(
    app: RunningApp, chat: int, words: str
) -> None:
    """One answer is seen, to the words as they are in the end, also where these did not change."""
    app.ai.script.answer, app.ai.script.pause_s = "mot " * 200, 0.05
    said = app.account.say(chat, f"{NAME} un préavi ?", person=ALICE)
    await app.until(lambda: len(app.ai.asked) == 1)
    app.account.change(said, f"{NAME} {words}")
    await app.until(lambda: app.ai.hung_up == 1)
    app.ai.script.pause_s = 0.0
    await app.settled()
    assert len(app.ai.asked) == 2
    assert asked(app)[1].endswith(words)
    [answer] = app.account.written(chat)
    assert answer["text"].startswith("mot mot")
    assert "arrêtée" not in answer["text"]


@pytest.mark.slow
async def test_an_edit_that_takes_the_question_back_ends_the_placeholder(app: RunningApp) -> None:
    app.ai.script.answer, app.ai.script.pause_s = "mot " * 200, 0.05
    said = app.account.say(GROUP, f"{NAME} un préavis ?", person=ALICE)
    await app.until(lambda: len(app.ai.asked) == 1)
    app.account.change(said, "Non, rien")
    await app.settled()
    [stopped] = app.account.texts(GROUP)
    assert "arrêtée à votre demande" in stopped
    assert len(app.ai.asked) == 1


@pytest.mark.slow
async def test_each_message_of_one_question_may_be_edited(app: RunningApp) -> None:
    greeting = app.account.say(ALICE, "Bonjour")
    question = app.account.say(ALICE, "quel préavi ?")
    await app.settled()
    app.account.change(greeting, "Bonjour")  # a client tells edits that change nothing, too
    app.account.change(question, "quel préavi ?")
    await app.settled()
    assert asked(app) == ["Bonjour\nquel préavi ?"]
    app.account.change(question, "quel préavis pour un cadre ?")
    await app.settled()
    assert asked(app) == ["Bonjour\nquel préavi ?", "quel préavis pour un cadre ?"]


@pytest.mark.slow
async def test_a_later_message_edited_while_its_question_is_answered_is_answered(
    app: RunningApp,
) -> None:
    app.ai.script.answer, app.ai.script.pause_s = "mot " * 60, 0.05
    app.account.say(ALICE, "Bonjour")
    question = app.account.say(ALICE, "quel préavi ?")
    await app.until(lambda: len(app.ai.asked) == 1)
    app.account.change(question, "quel préavis pour un cadre ?")
    app.ai.script.pause_s = 0.0
    await app.settled()
    assert asked(app) == ["Bonjour\nquel préavi ?", "quel préavis pour un cadre ?"]
    assert (await app.services.counters.read()).lost == 0
