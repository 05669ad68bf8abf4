"""The emulator of the Bot API refuses and delivers what Telegram does."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from telegram_service.emulators.telegram.account import Account
from telegram_service.emulators.telegram.api import BotApi
from telegram_service.emulators.telegram.contents import CONTENTS
from telegram_service.emulators.telegram.pacing import GROUP_PER_MINUTE, PRIVATE_BURST, Pacing

TOKEN = "424242:test"  # noqa: S105 - a made-up one
ALICE, BOB, GROUP, CHANNEL = 11, 12, -1_001_000_000_007, -1_001_000_000_070
SECRET = "a-secret"  # noqa: S105 - a made-up one
WEBHOOK = "https://bot.example.org/telegram/webhook"


@dataclass
class Bot:
    """A bot's side of the emulator, without the service."""

    account: Account
    api: BotApi
    http: httpx2.AsyncClient

    async def call(self, method: str, **fields: Any) -> Any:
        """Call a method; return its result, or the description of its refusal."""
        body = (await self.http.post(f"/bot{TOKEN}/{method}", json=fields)).json()
        return body["result"] if body["ok"] else body["description"]

    async def send(self, chat: int, text: str = "Bonjour", **fields: Any) -> Any:
        """Send a message."""
        return await self.call("sendMessage", chat_id=chat, text=text, **fields)


@pytest.fixture
async def bot() -> AsyncIterator[Bot]:
    account = Account(pacing=Pacing(enforced=False))
    api = BotApi(account, TOKEN)
    transport = httpx2.ASGITransport(app=api.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://emulator") as http:
        yield Bot(account, api, http)


def keyboard(*buttons: dict[str, str]) -> dict[str, Any]:
    return {"reply_markup": {"inline_keyboard": [[each] for each in buttons]}}


REFUSED_MESSAGES: dict[str, dict[str, Any]] = {
    "message text is empty": {"text": " \n "},
    "message is too long": {"text": "é" * 4_097},
    "message thread not found": {"message_thread_id": 5},
    "message to be replied not found": {"reply_parameters": {"message_id": 99}},
    "can't parse inline keyboard button": keyboard({"text": " ", "callback_data": "x"}),
    "text buttons are unallowed": keyboard({"text": "Oui"}),
    "BUTTON_DATA_INVALID": keyboard({"text": "Oui", "callback_data": "é" * 33}),
    "is invalid: Unsupported URL protocol": keyboard(
        {"text": "Oui", "url": "javascript:alert(1)"}
    ),
    "reply markup is too long": keyboard(*[{"text": "Oui", "callback_data": "x"}] * 101),
    "Can't find field \"url\"": {
        "text": "ici", "entities": [{"type": "text_link", "offset": 0, "length": 3}]
    },
    "entity begins or ends inside a character": {
        "text": "🙂", "entities": [{"type": "bold", "offset": 0, "length": 1}]
    },
    "unsupported entity type": {
        "text": "ici", "entities": [{"type": "mark", "offset": 0, "length": 3}]
    },
}  # fmt: skip


async def test_messages_telegram_refuses_are_refused(bot: Bot, subtests: pytest.Subtests) -> None:
    bot.account.say(ALICE, "Bonjour")
    for reason, fields in REFUSED_MESSAGES.items():
        with subtests.test(reason):
            assert reason in await bot.send(ALICE, **{"text": "Bonjour", **fields})
    assert bot.account.texts(ALICE) == []
    sent = await bot.send(
        ALICE, reply_parameters={"message_id": 99, "allow_sending_without_reply": True}
    )
    assert "reply_to_message" not in sent


async def test_a_bot_writes_only_where_it_may(bot: Bot) -> None:
    assert "chat not found" in await bot.send(BOB)
    bot.account.say(GROUP, "Bonjour", person=ALICE)
    for status, rights, reason in (
        ("restricted", False, "not enough rights to send text messages"),
        ("kicked", True, "Forbidden: bot was kicked from the supergroup chat"),
        ("left", True, "Forbidden: bot is not a member of the supergroup chat"),
    ):
        bot.account.change_membership(GROUP, status, person=ALICE, can_send_messages=rights)
        assert reason in await bot.send(GROUP)
    bot.account.change_membership(CHANNEL, "member", person=ALICE, kind="channel")
    assert "need administrator rights" in await bot.send(CHANNEL)
    bot.account.change_membership(BOB, "kicked", person=BOB)
    assert "Forbidden: bot was blocked by the user" in await bot.send(BOB)
    changes = [each["my_chat_member"] for each in bot.account.updates if "my_chat_member" in each]
    statuses = [
        (each["old_chat_member"]["status"], each["new_chat_member"]["status"]) for each in changes
    ]
    assert statuses == [
        ("member", "restricted"), ("restricted", "kicked"), ("kicked", "left"), ("left", "member"),
        ("member", "kicked"),
    ]  # fmt: skip


async def test_buttons_captions_and_edits_are_held_to_their_limits(bot: Bot) -> None:
    bot.account.say(ALICE, "Bonjour")
    sent = await bot.send(ALICE, **keyboard({"text": "Oui", "callback_data": "x"}))
    tapped = bot.account.tap(ALICE, sent["message_id"], "x")["callback_query"]["id"]
    answer = {"callback_query_id": tapped, "text": "a" * 201}
    assert "MESSAGE_TOO_LONG" in await bot.call("answerCallbackQuery", **answer)
    assert await bot.call("answerCallbackQuery", callback_query_id=tapped) is True
    assert "query is too old" in await bot.call("answerCallbackQuery", callback_query_id=tapped)
    late = bot.account.tap(ALICE, sent["message_id"], "x")["callback_query"]["id"]
    bot.account.callback_s = 0
    assert "query is too old" in await bot.call("answerCallbackQuery", callback_query_id=late)

    for data, caption, reason in ((b"", "", "non-empty"), (b"a", "a" * 1_025, "caption is too")):
        form = {"chat_id": str(ALICE), "caption": caption}
        response = await bot.http.post(
            f"/bot{TOKEN}/sendDocument", data=form, files={"document": ("a.txt", data)}
        )
        assert reason in response.json()["description"]
    form = {"chat_id": str(ALICE), "caption": "Voici"}
    response = await bot.http.post(
        f"/bot{TOKEN}/sendDocument", data=form, files={"document": ("a.txt", b"a")}
    )
    number = response.json()["result"]["message_id"]
    edited = await bot.call("editMessageText", chat_id=ALICE, message_id=number, text="Non")
    assert "there is no text in the message to edit" in edited
    assert (await bot.send(ALICE, "  *fin* \n"))["text"] == "*fin*"


async def test_the_bots_own_settings_are_held_to_their_limits(
    bot: Bot, subtests: pytest.Subtests
) -> None:
    for fields, reason in (
        ({"url": "http://bot.example.org/x"}, "An HTTPS URL must be provided"),
        ({"url": "https://bot.example.org:8080/x"}, "only on ports 80, 88, 443 or 8443"),
        ({"url": "https://192.168.1.7/x"}, "is reserved"),
        ({"url": "nowhere"}, "invalid webhook URL"),
        ({"url": WEBHOOK, "secret_token": "à"}, "unallowed characters"),
        ({"url": WEBHOOK, "secret_token": "a" * 257}, "secret token is too long"),
        ({"url": WEBHOOK, "max_connections": 101}, "max_connections"),
    ):
        with subtests.test(reason):
            assert reason in await bot.call("setWebhook", **fields)
    for command in (
        {"command": "Aide", "description": "Aide"},
        {"command": "a", "description": ""},
    ):
        assert "BOT_COMMAND" in await bot.call("setMyCommands", commands=[command])
    many = [{"command": f"c{number}", "description": "Aide"} for number in range(101)]
    assert "TOO_MUCH" in await bot.call("setMyCommands", commands=many)
    assert "too long" in await bot.call("setMyDescription", description="a" * 513)
    assert "language" in await bot.call("setMyDescription", description="a", language_code="fr-FR")
    assert await bot.call("setWebhook", url=WEBHOOK, secret_token=SECRET) is True


async def test_one_poller_at_a_time_and_none_beside_a_webhook(bot: Bot) -> None:
    first = asyncio.create_task(bot.call("getUpdates", timeout=20))
    while bot.api.polling._waiting is None:  # noqa: ASYNC110 - the long poll has no event
        await asyncio.sleep(0.001)
    second = asyncio.create_task(bot.call("getUpdates", timeout=20))
    assert "terminated by other getUpdates request" in await first
    for number in range(3):
        bot.account.say(ALICE, f"Question {number} ?")
    assert len(await second) == 3
    [oldest] = await bot.call("getUpdates", limit=1)
    assert oldest["message"]["text"] == "Question 0 ?"
    [newest] = await bot.call("getUpdates", offset=-1)
    assert newest["message"]["text"] == "Question 2 ?"
    await bot.call("setWebhook", url=WEBHOOK)
    assert "webhook is active" in await bot.call("getUpdates")


async def test_only_the_allowed_types_of_updates_come(bot: Bot) -> None:
    bot.account.post(CHANNEL, "Bienvenue")
    await bot.call("setWebhook", url=WEBHOOK, allowed_updates=["message"])
    said = bot.account.say(ALICE, "Bonjour")
    bot.account.post(CHANNEL, "Encore")
    bot.account.change(said, "Bonsoir")
    assert [next(key for key in each if key != "update_id") for each in bot.account.updates] == [
        "channel_post", "message",
    ]  # fmt: skip


async def test_what_is_written_too_fast_waits(bot: Bot) -> None:
    bot.account.pacing.enforced = True
    for chat, allowed in ((ALICE, int(PRIVATE_BURST)), (GROUP, GROUP_PER_MINUTE)):
        bot.account.chat(chat)
        refusals = [
            each
            for each in [await bot.send(chat) for _ in range(allowed + 1)]
            if isinstance(each, str)
        ]
        assert len(refusals) == 1
        assert refusals[0].startswith("Too Many Requests: retry after")
    assert bot.account.pacing.limited_until[GROUP] > bot.account.pacing.limited_until[ALICE]
    await bot.send(GROUP)
    assert bot.account.pacing.violations == 1


async def test_a_draft_vanishes_and_is_stopped_only_where_it_has_the_button(bot: Bot) -> None:
    bot.account.say(ALICE, "Bonjour")
    bot.account.chat(GROUP)
    draft = {"draft_id": 7, "text": "Je cherche"}
    assert "only in private chats" in await bot.call("sendMessageDraft", chat_id=GROUP, **draft)
    zero = {"draft_id": 0, "text": "a"}
    assert "non-zero" in await bot.call("sendMessageDraft", chat_id=ALICE, **zero)
    await bot.call("sendMessageDraft", chat_id=ALICE, **draft)
    assert bot.account.shown_draft(ALICE) == "Je cherche"
    with pytest.raises(ValueError, match="no draft"):
        bot.account.stop_draft(ALICE, 7)
    bot.account.draft_s = 0
    await bot.call("sendMessageDraft", chat_id=ALICE, can_stop=True, **draft)
    assert bot.account.shown_draft(ALICE) is None
    with pytest.raises(ValueError, match="no draft"):
        bot.account.stop_draft(ALICE, 7)
    await bot.send(ALICE)
    assert bot.account.drafts_lapsed == 1


async def test_threads_are_topics_or_chains_of_replies(bot: Bot) -> None:
    account = bot.account
    account.privacy = False
    said = account.say(GROUP, "Une question", person=ALICE)["message"]
    reply = account.say(GROUP, "Et ?", person=BOB, reply_to=said["message_id"])["message"]
    again = account.say(GROUP, "Oui", person=ALICE, reply_to=reply["message_id"])["message"]
    for message in (reply, again):
        assert message["message_thread_id"] == said["message_id"]
        assert "is_topic_message" not in message
    assert "reply_to_message" not in again["reply_to_message"]
    thread = {"message_thread_id": said["message_id"]}
    assert "message thread not found" in await bot.send(GROUP, **thread)

    topic = account.open_topic(GROUP, "Congés", person=ALICE)
    asked = account.say(GROUP, "Combien ?", person=ALICE, topic=topic)["message"]
    assert (asked["message_thread_id"], asked["is_topic_message"]) == (topic, True)
    assert "forum_topic_created" in asked["reply_to_message"]
    answered = await bot.send(GROUP, reply_parameters={"message_id": asked["message_id"]})
    assert answered["message_thread_id"] == topic
    account.chats[GROUP].topics[topic].closed = True
    assert "TOPIC_CLOSED" in await bot.send(GROUP, message_thread_id=topic)
    account.delete_topic(GROUP, topic)
    assert "message thread not found" in await bot.send(GROUP, message_thread_id=topic)
    assert "message thread not found" in await bot.send(GROUP, message_thread_id=1)

    private = account.open_topic(ALICE, "Mon contrat")
    asked = account.say(ALICE, "Et moi ?", topic=private)["message"]
    assert (asked["message_thread_id"], asked["is_topic_message"]) == (private, True)
    assert (await bot.send(ALICE, message_thread_id=private))["is_topic_message"]


async def test_who_writes_and_where_is_told_as_telegram_tells_it(bot: Bot) -> None:
    account = bot.account
    account.privacy = False
    admin = account.say_as_admin(GROUP, "@CodeDuTravailNeoBot un préavis ?")["message"]
    assert admin["from"]["username"] == "GroupAnonymousBot"
    assert admin["sender_chat"]["id"] == GROUP
    assert admin["entities"] == [{"type": "mention", "offset": 0, "length": 20}]
    channel = account.say_as_channel(GROUP, CHANNEL, "🙂 @CodeDuTravailNeoBot2 /help")["message"]
    assert (channel["from"]["id"], channel["sender_chat"]["id"]) == (136_817_688, CHANNEL)
    assert [(each["type"], each["offset"]) for each in channel["entities"]] == [
        ("mention", 3), ("bot_command", 25),
    ]  # fmt: skip
    account.chat(CHANNEL, linked=GROUP)
    post = account.post(CHANNEL, "Nouveau : écrivez à rh@example.org")["message"]
    assert (post["from"]["id"], post["is_automatic_forward"]) == (777_000, True)
    assert post["entities"][0]["type"] == "email"
    comment = account.say(GROUP, "Merci", person=BOB, reply_to=post["message_id"])["message"]
    assert comment["message_thread_id"] == post["message_id"]
    under = await bot.send(GROUP, reply_parameters={"message_id": comment["message_id"]})
    assert under["message_thread_id"] == post["message_id"]
    album = account.send_album(ALICE, [account.photo(b"1"), account.photo(b"2")], "Voici")
    assert len({each["message"]["media_group_id"] for each in album}) == 1
    assert [each["message"].get("caption") for each in album] == ["Voici", None]
    kinds = [account.say(ALICE, "", **content)["message"] for content in CONTENTS.values()]
    assert all("text" not in message for message in kinds)


async def test_a_group_that_moves_says_where(bot: Bot) -> None:
    bot.account.say(-5, "Bonjour", person=ALICE)
    new = bot.account.upgrade(-5, ALICE)
    sent = {"chat_id": -5, "text": "Bonjour"}
    refusal = (await bot.http.post(f"/bot{TOKEN}/sendMessage", json=sent)).json()
    assert refusal["parameters"] == {"migrate_to_chat_id": new}
    moved = [
        (each["message"].get("migrate_to_chat_id"), each["message"].get("migrate_from_chat_id"))
        for each in bot.account.updates
    ]
    assert moved[-2:] == [(new, None), (None, -5)]


async def test_in_privacy_mode_commands_and_replies_come_and_mentions_do_not(bot: Bot) -> None:
    account = bot.account

    def told(text: str, **more: Any) -> bool:
        return bool(account.say(GROUP, text, person=ALICE, **more)["update_id"])

    assert not told("@CodeDuTravailNeoBot un préavis ?")
    assert told("/help@CodeDuTravailNeoBot")
    assert not told("/help@another_bot")
    assert not told("/help")
    ours = await bot.send(GROUP)
    assert told("/help")
    assert told("Et pour un cadre ?", reply_to=ours["message_id"])
    assert told("", new_chat_title="Équipe")
    assert not told("On mange où ?")
    account.change_membership(GROUP, "administrator", person=ALICE)
    assert told("On mange où ?")
