"""The language of a message decides the language of every sentence about it."""

from pathlib import Path

import pytest

from telegram_service.answering.update_context import spoken_language
from tests.telegram_service.running_app import RunningApp, running

ALICE = 11
THAI = "ลาออกต้องแจ้งล่วงหน้ากี่เดือน"


def test_a_few_words_do_not_change_the_language_of_a_conversation() -> None:
    assert spoken_language("Syntec, cadre", "th", "fr") == "th"
    assert spoken_language("2300", "en", "fr") == "en"
    assert spoken_language("Et pour un cadre, quel est mon préavis ?", "th", "fr") == "fr"
    assert spoken_language("How long is my notice period?", "fr", "fr") == "en"
    assert spoken_language("1486", None, "zh") == "zh"


@pytest.mark.slow
async def test_sentences_about_a_question_are_in_its_language_and_menus_in_the_chosen_one(
    redis_url: str, database_url: str, key_file: Path
) -> None:
    limits = {"questions_per_minute": 2}
    async with running(redis_url, database_url, key_file, limits=limits) as app:
        [answer] = await app.ask(ALICE, THAI)
        assert "กฎหมาย ณ" in answer["text"]
        [answer] = await app.ask(ALICE, "How long is my notice period?")
        assert "not legal advice" in answer["text"] or "Law as of" in answer["text"]
        [limit] = await app.ask(ALICE, THAI)
        assert "คุณถามหลายคำถาม" in limit["text"]
        [limit] = await app.ask(ALICE, "请问辞职要提前多久通知？")
        assert "您一次提了很多问题" in limit["text"]
        [menu] = await app.ask(ALICE, "/settings")
        assert menu["text"].startswith("Réglages")


@pytest.mark.slow
async def test_a_question_that_is_kept_is_told_so_in_its_language(app: RunningApp) -> None:
    app.ai.script.status = 503
    app.account.say(ALICE, "How long is my notice period?")
    await app.until(lambda: bool(app.account.texts(ALICE)))
    assert "Your question is kept" in app.account.texts(ALICE)[0]
    app.ai.script.status = 200
    await app.settled()


@pytest.mark.slow
async def test_a_message_without_words_is_spoken_of_in_the_language_of_its_conversation(
    app: RunningApp,
) -> None:
    await app.ask(ALICE, THAI)
    [told] = await app.ask(ALICE, "", sticker={"file_id": "s"})
    assert told["text"].startswith("ข้อความประเภทนี้ใช้ไม่ได้")
