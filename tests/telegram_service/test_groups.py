"""The bot in groups, channels, topics and comments, as Telegram delivers them."""

from typing import Any

import pytest

from telegram_service.emulators.telegram.objects import BotApiError, Refusal
from telegram_service.queue.update_queue import DEAD_LETTERS
from tests.telegram_service.running_app import RunningApp

pytestmark = pytest.mark.slow

ALICE, BOB, NAME = 11, 12, "@CodeDuTravailNeoBot"
GROUP, CHANNEL = -1_001_000_000_007, -1_001_000_000_070


def asked(app: RunningApp) -> list[str]:
    """Return what ai_core was asked, without the speakers' letters."""
    return [chat.messages[-1].content.partition(" : ")[2] for chat in app.ai.asked]


async def reachable(app: RunningApp, chat: int) -> bool | None:
    """Return whether a chat is kept as reachable, None when nothing is kept of it."""
    await app.services.store.migrate()
    await app.services.journal.drain()
    row = await app.services.store._postgres.fetch_one(
        "SELECT reachable FROM people WHERE id = $1", app.services.vault.number(chat)
    )
    return row["reachable"] if row else None


async def test_answers_reply_to_the_message_asked_in_its_conversation(app: RunningApp) -> None:
    """A reply's thread in a supergroup without topics is no topic: nothing may be sent to it."""
    [first] = await app.ask(GROUP, f"{NAME} quel préavis ?", person=ALICE)
    question = app.account.messages[GROUP, first["reply_to_message"]["message_id"]]
    assert question["text"] == f"{NAME} quel préavis ?"
    [second] = await app.ask(GROUP, "Et pour un cadre ?", person=BOB, reply_to=first["message_id"])
    assert second["reply_to_message"]["text"] == "Et pour un cadre ?"
    assert second["message_thread_id"] == first["message_thread_id"]
    assert [chat.conversation_id for chat in app.ai.asked] == [None, "scripted-00000001"]
    await app.tap(GROUP, "L9999-1", person=BOB)
    shown = app.account.written(GROUP)[-1]
    assert shown["reply_to_message"]["message_id"] == second["message_id"]
    assert not [call for call in app.account.calls if call.error]


async def test_comments_stay_under_their_post_and_posts_are_left_alone(app: RunningApp) -> None:
    app.account.chat(CHANNEL, "channel", linked=GROUP)
    post = app.account.post(CHANNEL, f"Vos questions à {NAME} !")["message"]
    settings = app.account.post(CHANNEL, "/settings 1486")["message"]
    await app.settled()
    assert app.account.texts(GROUP) == app.account.texts(CHANNEL) == []
    app.account.say(GROUP, f"{NAME} un préavis ?", person=BOB, reply_to=settings["message_id"])
    await app.settled()
    [answer] = app.account.written(GROUP)
    assert answer["message_thread_id"] == settings["message_id"] != post["message_id"]


async def test_topics_are_answered_where_they_are_and_in_general_once_deleted(
    app: RunningApp,
) -> None:
    for chat in (GROUP, ALICE):
        topic = app.account.open_topic(chat, "Contrat", person=ALICE)
        [answer] = await app.ask(chat, f"{NAME} un préavis ?", person=ALICE, topic=topic)
        assert answer["message_thread_id"] == topic
        app.ai.script.pause_s = 0.05
        app.account.say(chat, f"{NAME} et pour un cadre ?", person=ALICE, topic=topic)
        app.account.delete_topic(chat, topic)
        await app.settled()
        [late] = app.account.written(chat)
        assert "message_thread_id" not in late
        assert late["text"].startswith("La réponse")
    assert len({chat.conversation_id for chat in app.ai.asked} - {None}) == 2
    assert await app.services.redis.call("XLEN", DEAD_LETTERS) == 0


async def test_who_is_anonymous_or_writes_as_a_channel_is_answered(app: RunningApp) -> None:
    app.account.say_as_channel(GROUP, CHANNEL, f"{NAME} un préavis ?")
    app.account.say_as_admin(GROUP, f"{NAME}, et les congés ?")
    await app.settled()
    assert asked(app) == ["un préavis ?", "et les congés ?"]
    app.account.say_as_channel(GROUP, CHANNEL, "/settings 1486")
    await app.settled()
    assert "seuls ses administrateurs" in app.account.texts(GROUP)[-1]
    app.account.say_as_admin(GROUP, "/settings 1486")
    await app.settled()
    kept = await app.services.preferences.get(GROUP)
    assert kept
    assert kept.agreement == "1486"


NOT_FOR_US = (
    f"{NAME}2 bonjour",
    f"{NAME}_aide bonjour",
    f"Écrivez à contact{NAME}",
    "rh@codedutravailneobot.example.org répond",
    "On mange où ?",
    "/help@UnAutreBot",
)
FOR_US = {
    f"İİ🙂 {NAME} bonjour": "İİ🙂  bonjour",
    f"{NAME.lower()}: un préavis ?": "un préavis ?",
    f"Dis {NAME} et {NAME} aussi": "Dis  et  aussi",
    f"(cf. {NAME}) un congé ?": "(cf. ) un congé ?",
}


@pytest.mark.parametrize("told", [True, False], ids=["by entities", "without entities"])
async def test_only_its_own_name_addresses_the_bot(app: RunningApp, *, told: bool) -> None:
    more: dict[str, Any] = {} if told else {"entities": []}
    for text in (*NOT_FOR_US, *FOR_US):
        app.account.say(GROUP, text, person=ALICE, **more)
    await app.settled()
    assert asked(app) == list(FOR_US.values())
    assert len(app.account.texts(GROUP)) == len(FOR_US)
    if told:
        app.account.say(
            GROUP, f"{NAME} en code", person=ALICE,
            entities=[{"type": "code", "offset": 0, "length": 20}],
        )  # fmt: skip
        await app.settled()
        assert len(app.ai.asked) == len(FOR_US)


async def test_in_privacy_mode_question_and_ask_reach_the_bot(app: RunningApp) -> None:
    app.account.privacy = True
    for text in (
        f"/question{NAME} un préavis ?", f"/ask{NAME}\nun congé ?", f"/question{NAME}\u00a0et là ?",
    ):  # fmt: skip
        await app.ask(GROUP, text, person=ALICE)
    assert asked(app) == ["un préavis ?", "un congé ?", "et là ?"]
    [how] = await app.ask(GROUP, f"/ask{NAME}", person=ALICE)
    assert "/question" in how["text"]
    assert await app.ask(GROUP, "/question@UnAutreBot un préavis ?", person=ALICE) == []
    [private] = await app.ask(ALICE, "/question un préavis ?")
    assert private["text"].startswith("La réponse")


async def test_a_group_is_greeted_once_and_a_channel_never(app: RunningApp) -> None:
    account = app.account
    for status, rights in (
        ("member", {}), ("administrator", {"can_delete_messages": True}), ("administrator", {}),
        ("restricted", {"can_send_messages": False}), ("left", {}), ("member", {}),
    ):  # fmt: skip
        account.change_membership(GROUP, status, person=ALICE, kind=None, **rights)
        await app.settled()
    account.say(GROUP, f"/start{NAME} groupe", person=ALICE)
    account.change_membership(
        CHANNEL, "administrator", person=ALICE, kind="channel", can_post_messages=True
    )
    await app.settled()
    [greeting] = account.texts(GROUP)
    assert "/question" in greeting
    assert account.texts(CHANNEL) == []

    other = -1_001_000_000_008
    account.say(other, f"/start{NAME} groupe", person=ALICE)
    await app.settled()
    account.change_membership(other, "left", person=ALICE)
    account.change_membership(other, "member", person=ALICE)
    await app.settled()
    assert len(account.texts(other)) == 1


async def test_a_group_has_one_language_whoever_speaks(app: RunningApp) -> None:
    app.account.languages = {ALICE: "fr", BOB: "en"}
    app.account.say(GROUP, "On mange où ?", person=BOB)
    await app.ask(GROUP, f"{NAME} un préavis ?", person=ALICE)
    [helped] = await app.ask(GROUP, f"/help{NAME}", person=BOB)
    assert helped["text"].startswith("Ce que je sais faire")
    await app.ask(GROUP, f"{NAME} et un congé ?", person=BOB)
    assert "Réponse d'une IA" in app.account.texts(GROUP)[-1]


async def test_a_group_keeps_its_settings_when_it_moves(app: RunningApp) -> None:
    await app.services.store.migrate()
    app.account.admins.add(ALICE)
    await app.ask(-77, "/settings 1486", person=ALICE)
    new = app.account.upgrade(-77, ALICE)
    await app.settled()
    await app.ask(new, f"{NAME} un préavis ?", person=BOB)
    assert app.ai.asked[-1].agreement == "1486"
    await app.services.journal.drain()
    kept = await app.services.store.preferences(new)
    assert kept
    assert kept.agreement == "1486"


async def test_a_group_that_refuses_the_bot_is_given_up_and_its_people_are_not(
    app: RunningApp,
) -> None:
    for reason, code, gone in (
        ("Forbidden: bot was kicked from the supergroup chat", 403, True),
        ("Bad Request: not enough rights to send text messages to the chat", 400, False),
        ("Bad Request: TOPIC_CLOSED", 400, False),
    ):
        app.account.refusals = [Refusal("sendMessage", BotApiError(code, reason))]
        calls = len(app.account.calls)
        await app.ask(GROUP, f"{NAME} un préavis ?", person=ALICE)
        assert len(app.account.calls) - calls == 1
        assert await reachable(app, ALICE) is not False
        assert await reachable(app, GROUP) is (False if gone else await reachable(app, GROUP))
    assert await reachable(app, GROUP) is False
    assert await app.services.redis.call("XLEN", DEAD_LETTERS) == 0
    app.account.refusals = []
    await app.ask(GROUP, f"{NAME} un préavis ?", person=ALICE)
    assert len(app.account.texts(GROUP)) == 1


async def test_another_refusal_for_good_is_a_dead_letter_at_once(app: RunningApp) -> None:
    refusal = Refusal("sendMessage", BotApiError(400, "Bad Request: BUTTON_DATA_INVALID"), times=1)
    app.account.refusals = [refusal]
    [apology] = await app.ask(ALICE, "/help")
    assert "Je suis désolé" in apology["text"]
    assert [call.error for call in app.account.calls if call.method == "sendMessage"] == [
        "Bad Request: BUTTON_DATA_INVALID", "",
    ]  # fmt: skip


async def test_a_chat_of_a_kind_not_known_yet_is_left_alone(app: RunningApp) -> None:
    message = {"message_id": 5, "date": 1, "text": "Bonjour", "from": {"id": ALICE}}
    app.account.receive({"message": {**message, "chat": {"id": ALICE, "type": "circle"}}})
    direct = {"id": GROUP, "type": "supergroup", "is_direct_messages": True}
    app.account.receive({"message": {**message, "chat": direct, "text": "/help"}})
    await app.settled()
    assert app.account.texts(ALICE) == app.account.texts(GROUP) == []
    assert await app.services.redis.call("XLEN", DEAD_LETTERS) == 0
