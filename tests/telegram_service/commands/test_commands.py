"""The commands, and their buttons."""

import pytest

from telegram_service.redis_client import KEY_PREFIX
from tests.telegram_service.running_app import RunningApp

pytestmark = pytest.mark.slow

ALICE = 11
GROUP = -1001


async def test_status_tells_the_law_date_and_the_queue(app: RunningApp) -> None:
    [status] = await app.ask(ALICE, "/status")
    assert "01/11/2026" in status["text"]
    assert "le service répond" in status["text"]


async def test_an_article_is_shown_with_its_date_and_link(app: RunningApp) -> None:
    [article] = await app.ask(ALICE, "/article l9999-1")
    assert "Article L9999-1" in article["text"]
    assert "01/01/2020" in article["text"]
    assert any(entity["type"] == "text_link" for entity in article["entities"])


async def test_a_citation_button_shows_the_article(app: RunningApp) -> None:
    await app.ask(ALICE, "Quel préavis ?")
    await app.tap(ALICE, "L9999-1")
    assert "Un article inventé pour les essais." in app.account.texts(ALICE)[-1]
    assert len(app.account.answered_callbacks) == 1


async def test_switch_by_name_changes_the_model_that_is_asked(app: RunningApp) -> None:
    [done] = await app.ask(ALICE, "/switch petit")
    assert done["text"] == "C'est noté. Vos prochaines réponses : petit."
    await app.ask(ALICE, "Quel préavis ?")
    assert app.ai.asked[-1].model == "petit"


async def test_switch_by_button_does_the_same(app: RunningApp) -> None:
    await app.ask(ALICE, "/models")
    await app.tap(ALICE, "petit")
    await app.ask(ALICE, "Quel préavis ?")
    assert app.ai.asked[-1].model == "petit"


async def test_settings_change_by_button_in_the_same_message(app: RunningApp) -> None:
    [shown] = await app.ask(ALICE, "/settings")
    await app.tap(ALICE, "Langue")
    await app.tap(ALICE, "English")
    [message] = app.account.written(ALICE)
    assert message["message_id"] == shown["message_id"]
    assert message["text"].startswith("Settings")
    await app.tap(ALICE, "Stop the history")
    assert "History: not kept" in app.account.texts(ALICE)[0]


async def test_the_bot_speaks_the_language_chosen_by_its_name(app: RunningApp) -> None:
    await app.ask(ALICE, "/settings")
    for menu, name, settings, stopped in (
        ("Langue", "ไทย", "การตั้งค่า", "หยุดแล้ว"),
        ("ภาษา", "中文", "设置", "已停止"),
        ("语言", "Français", "Réglages", "Arrêté"),
    ):
        await app.tap(ALICE, menu)
        await app.tap(ALICE, name)
        assert app.account.texts(ALICE)[0].startswith(settings)
        [said] = await app.ask(ALICE, "/stop")
        assert stopped in said["text"]


async def test_without_history_nothing_is_kept_and_nothing_continues(app: RunningApp) -> None:
    await app.ask(ALICE, "/settings")
    await app.tap(ALICE, "Arrêter l'historique")
    for _ in range(2):
        await app.ask(ALICE, "Quel préavis ?")
    assert app.ai.asked[-1].conversation_id is None
    assert [asked.store for asked in app.ai.asked] == [False, False]
    assert app.ai.conversations == 0


async def test_an_agreement_goes_with_the_question(app: RunningApp) -> None:
    await app.ask(ALICE, "/settings 1486")
    await app.ask(ALICE, "Quel préavis ?")
    assert app.ai.asked[-1].agreement == "1486"


async def test_only_administrators_change_a_groups_settings(app: RunningApp) -> None:
    [refused] = await app.ask(GROUP, "/switch petit", person=ALICE)
    assert "seuls ses administrateurs" in refused["text"]
    app.account.admins.add(ALICE)
    [done] = await app.ask(GROUP, "/switch petit", person=ALICE)
    assert done["text"] == "C'est noté. Vos prochaines réponses : petit."


async def test_a_command_for_another_bot_is_not_ours(app: RunningApp) -> None:
    assert await app.ask(GROUP, "/start@AnotherBot", person=ALICE) == []


async def test_my_data_come_as_two_files(app: RunningApp) -> None:
    await app.services.store.migrate()
    await app.ask(ALICE, "Une question à exporter ?")
    await app.ask(ALICE, "/mesdonnees")
    assert b"exporter" in app.account.files["mes-donnees.md"]
    assert b'"messages"' in app.account.files["mes-donnees.json"]


async def test_erasure_takes_two_taps_and_leaves_a_receipt(app: RunningApp) -> None:
    await app.services.store.migrate()
    await app.ask(ALICE, "Une question à oublier ?")
    await app.ask(ALICE, "/supprimer")
    await app.tap(ALICE, "Effacer mes données")
    await app.services.journal.drain()
    assert await app.services.store.messages(ALICE)
    await app.tap(ALICE, "Oui, tout effacer")
    assert "Tout est effacé" in app.account.texts(ALICE)[-1]
    assert "Reçu :" in app.account.texts(ALICE)[-1]
    assert await app.services.store.messages(ALICE) == []
    assert app.ai.erased == ["scripted-00000001"]
    left = [key async for key in keys(app) if app.services.vault.name(ALICE).encode() in key]
    assert all(not key.startswith((b"{tg}:session", b"{tg}:preferences")) for key in left)


async def keys(app: RunningApp):  # type: ignore[no-untyped-def]
    for key in await app.services.redis.call("KEYS", f"{KEY_PREFIX}:*"):
        yield key


async def test_a_thumb_down_asks_why_and_is_kept(app: RunningApp) -> None:
    await app.services.store.migrate()
    await app.ask(ALICE, "Quel préavis ?")
    await app.tap(ALICE, "👎")
    await app.tap(ALICE, "Mauvaise source")
    await app.services.journal.drain()
    [feedback] = (await app.services.store.feedback(ALICE))[-1:]
    assert (feedback.thumb, feedback.reason) == (-1, "source")
    counts = (await app.services.counters.read()).counts
    assert (counts["thumbs_down"], counts.get("thumbs_up", 0)) == (1, 0)


async def test_a_button_of_another_chat_is_refused(app: RunningApp) -> None:
    await app.ask(ALICE, "/models")
    message = app.account.written(ALICE)[0]
    data = message["reply_markup"]["inline_keyboard"][1][0]["callback_data"]
    [other] = await app.ask(12, "/help")
    app.account.tap(12, other["message_id"], data)
    await app.settled()
    assert await app.services.preferences.get(12) is None


async def test_a_voice_message_gets_a_polite_answer(app: RunningApp) -> None:
    [answer] = await app.ask(ALICE, "", voice={"file_id": "v", "duration": 1})
    assert "messages vocaux" in answer["text"]
