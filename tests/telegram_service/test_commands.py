"""The commands, and the buttons they lead to."""

from telegram_service.redis_keys import TAG
from tests.telegram_service.rig import Rig

ALICE = 11
GROUP = -1001


async def test_start_says_who_this_is_and_that_it_is_an_ai(rig: Rig) -> None:
    [hello] = await rig.ask(ALICE, "/start")
    assert "intelligence artificielle" in hello["text"]
    assert any(entity["type"] == "bold" for entity in hello["entities"])


async def test_status_tells_the_law_date_and_the_queue(rig: Rig) -> None:
    [status] = await rig.ask(ALICE, "/status")
    assert "01/11/2026" in status["text"]
    assert "le service répond" in status["text"]


async def test_an_article_is_shown_with_its_date_and_link(rig: Rig) -> None:
    [article] = await rig.ask(ALICE, "/article l9999-1")
    assert "Article L9999-1" in article["text"]
    assert "01/01/2020" in article["text"]
    assert any(entity["type"] == "text_link" for entity in article["entities"])


async def test_a_citation_button_shows_the_article(rig: Rig) -> None:
    await rig.ask(ALICE, "Quel préavis ?")
    await rig.tap(ALICE, "L9999-1")
    assert "Un article inventé pour les essais." in rig.account.texts(ALICE)[-1]
    assert len(rig.account.answered_taps) == 1


async def test_switch_by_name_changes_the_model_that_is_asked(rig: Rig) -> None:
    [done] = await rig.ask(ALICE, "/switch petit")
    assert done["text"] == "Modèle : petit."
    await rig.ask(ALICE, "Quel préavis ?")
    assert rig.ai.asked[-1].model == "petit"


async def test_switch_by_button_does_the_same(rig: Rig) -> None:
    await rig.ask(ALICE, "/models")
    await rig.tap(ALICE, "petit")
    await rig.ask(ALICE, "Quel préavis ?")
    assert rig.ai.asked[-1].model == "petit"


async def test_settings_change_by_button_in_the_same_message(rig: Rig) -> None:
    [shown] = await rig.ask(ALICE, "/settings")
    await rig.tap(ALICE, "English")
    [message] = rig.account.written(ALICE)
    assert message["message_id"] == shown["message_id"]
    assert message["text"].startswith("Settings")
    await rig.tap(ALICE, "History")
    assert "History kept: no" in rig.account.texts(ALICE)[0]


async def test_without_history_nothing_is_kept_and_nothing_continues(rig: Rig) -> None:
    await rig.ask(ALICE, "/settings")
    await rig.tap(ALICE, "Historique")
    for _ in range(2):
        await rig.ask(ALICE, "Quel préavis ?")
    assert rig.ai.asked[-1].conversation_id is None


async def test_an_agreement_goes_with_the_question(rig: Rig) -> None:
    await rig.ask(ALICE, "/settings 1486")
    await rig.ask(ALICE, "Quel préavis ?")
    assert rig.ai.asked[-1].agreement == "1486"


async def test_only_administrators_change_a_groups_settings(rig: Rig) -> None:
    [refused] = await rig.ask(GROUP, "/switch petit", person=ALICE)
    assert "seuls ses administrateurs" in refused["text"]
    rig.account.admins.add(ALICE)
    [done] = await rig.ask(GROUP, "/switch petit", person=ALICE)
    assert done["text"] == "Modèle : petit."


async def test_a_command_for_another_bot_is_not_ours(rig: Rig) -> None:
    assert await rig.ask(GROUP, "/start@AnotherBot", person=ALICE) == []


async def test_my_data_come_as_two_files(rig: Rig) -> None:
    await rig.parts.store.migrate()
    await rig.ask(ALICE, "Une question à exporter ?")
    await rig.ask(ALICE, "/mesdonnees")
    assert b"exporter" in rig.account.files["mes-donnees.md"]
    assert b'"messages"' in rig.account.files["mes-donnees.json"]


async def test_erasure_takes_two_taps_and_leaves_a_receipt(rig: Rig) -> None:
    await rig.parts.store.migrate()
    await rig.ask(ALICE, "Une question à oublier ?")
    await rig.ask(ALICE, "/supprimer")
    await rig.tap(ALICE, "Effacer mes données")
    await rig.parts.journal.drain()
    assert await rig.parts.store.messages(ALICE)
    await rig.tap(ALICE, "Oui, tout effacer")
    assert "Tout est effacé" in rig.account.texts(ALICE)[-1]
    assert "Reçu :" in rig.account.texts(ALICE)[-1]
    assert await rig.parts.store.messages(ALICE) == []
    assert rig.ai.erased == ["scripted-00000001"]
    left = [key async for key in keys(rig) if b"11" in key and b"box" not in key]
    assert all(not key.startswith((b"{tg}:session", b"{tg}:prefs")) for key in left)


async def keys(rig: Rig):  # type: ignore[no-untyped-def]
    for key in await rig.parts.redis.call("KEYS", f"{TAG}:*"):
        yield key


async def test_a_thumb_down_asks_why_and_is_kept(rig: Rig) -> None:
    await rig.parts.store.migrate()
    await rig.ask(ALICE, "Quel préavis ?")
    await rig.tap(ALICE, "👎")
    await rig.tap(ALICE, "Mauvaise source")
    await rig.parts.journal.drain()
    [judged] = (await rig.parts.store.feedback(ALICE))[-1:]
    assert (judged.thumb, judged.reason) == (-1, "source")
    counts = (await rig.parts.counter.read()).counts
    assert (counts["thumbs_down"], counts.get("thumbs_up", 0)) == (1, 0)


async def test_a_button_of_another_chat_is_refused(rig: Rig) -> None:
    await rig.ask(ALICE, "/models")
    message = rig.account.written(ALICE)[0]
    data = message["reply_markup"]["inline_keyboard"][1][0]["callback_data"]
    [other] = await rig.ask(12, "/help")
    rig.account.tap(12, other["message_id"], data)
    await rig.settled()
    assert await rig.parts.preferences.get(12) is None


async def test_a_voice_message_gets_a_polite_answer(rig: Rig) -> None:
    [answer] = await rig.ask(ALICE, "", voice={"file_id": "v", "duration": 1})
    assert "messages vocaux" in answer["text"]
