"""The bot's account on Telegram's side: what the bot does there, and what is refused to it.

Sections named here are of the Bot API's documentation (core.telegram.org/bots/api); wordings of
refusals are those of tdlib/telegram-bot-api, Client.cpp.
"""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from telegram_service.emulators.telegram.objects import (
    BOT,
    BOT_ID,
    BotApiError,
    Call,
    EmulatedChat,
    JsonObject,
    Refusal,
)
from telegram_service.emulators.telegram.pacing import Pacing
from telegram_service.emulators.telegram.people import People
from telegram_service.emulators.telegram.rules import check_toast, refused

DRAFT_S = 30.0
"""sendMessageDraft: the draft is a preview of 30 seconds."""
CALLBACK_S = 30.0
"""A callback query answered later is "too old"; Telegram does not say how old it may be."""
GENERAL_TOPIC = 1
MAX_FILE_BYTES = 20 * 1024 * 1024
"""getFile: bots can download files of up to 20 MB."""
NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same "
    "as a current content and reply markup of the message"
)


@dataclass
class Draft:
    """A draft while it is shown."""

    until_s: float
    text: str
    can_stop: bool
    keep_on_stop: bool
    thread: int | None


@dataclass
class Account(People):
    """See the module. Tests act as people, and look at what the bot wrote and called."""

    pacing: Pacing = field(default_factory=Pacing)
    refusals: list[Refusal] = field(default_factory=list)
    draft_s: float = DRAFT_S
    callback_s: float = CALLBACK_S
    drafts: dict[tuple[int, int], Draft] = field(default_factory=dict)
    shown_drafts: list[tuple[int, str]] = field(default_factory=list)
    drafts_lapsed: int = 0
    answered_callbacks: list[str] = field(default_factory=list)
    toasts: list[str] = field(default_factory=list)
    commands: dict[str, list[JsonObject]] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    edits: Counter[tuple[int, int]] = field(default_factory=Counter)

    def texts(self, chat: int) -> list[str]:
        """Return the current texts and captions of the bot's messages in a chat, in order."""
        return [
            str(message.get("text") or message.get("caption") or "")
            for message in self.written(chat)
        ]

    def written(self, chat: int) -> list[JsonObject]:
        """Return the bot's messages in a chat, in order."""
        return [
            message
            for (in_chat, _), message in sorted(self.messages.items())
            if in_chat == chat and message.get("from", {}).get("id") == BOT_ID
        ]

    def shown_draft(self, chat: int) -> str | None:
        """Return the text of the draft that a person sees now, None without one."""
        now = time.monotonic()
        drafts = [draft for (where, _), draft in self.drafts.items() if where == chat]
        return next((draft.text for draft in drafts if now < draft.until_s), None)

    def stop_draft(self, chat: int, draft_id: int) -> JsonObject:
        """Press Telegram's own Stop, as the person (sendMessageDraft, "can_stop").

        Without "keep_on_stop" the draft vanishes. MessageGenerationStopped is the update.
        """
        draft = self.drafts.get((chat, draft_id))
        if draft is None or not draft.can_stop or time.monotonic() >= draft.until_s:
            raise ValueError("there is no draft with a button to stop it")
        if not draft.keep_on_stop:
            del self.drafts[chat, draft_id]
        stopped: JsonObject = {"chat": self.chats[chat].as_object(), "draft_id": draft_id}
        if draft.thread:
            stopped["message_thread_id"] = draft.thread
        return self._queue({"stopped_message_generation": stopped})

    def rate_limit(self, chat: int, duration_s: float) -> None:
        """Answer 429 to every call to a chat for a while; the first one carries the retry-after."""
        self.pacing.limit(chat, duration_s)

    def refuse(self, method: str, fields: Mapping[str, Any]) -> None:
        """Raise the BotApiError that a test has asked for."""
        for refusal in self.refusals:
            if refusal.method != method or refusal.times == 0:
                continue
            if refusal.field and not fields.get(refusal.field):
                continue
            if refusal.times is not None:
                refusal.times -= 1
            raise refusal.error

    def send(self, chat: int, content: Mapping[str, Any], where: Mapping[str, Any]) -> JsonObject:
        """Store a message of the bot; `where` has the thread and the message replied to."""
        place = self.open_for_writing(chat)
        thread = where.get("message_thread_id")
        replied = self._replied(chat, where.get("reply_parameters") or {})
        self._check_topic(place, thread, where.get("direct_messages_topic_id"))
        number = self._next_id(chat)
        message: JsonObject = {
            "message_id": number,
            "date": int(time.time()),
            "chat": place.as_object(),
            "from": BOT,
            **self._in_thread(chat, number, thread or self._topic_of(place, replied), replied),
            **content,
        }
        self.messages[chat, number] = message
        place.bot_wrote_last = True
        self._end_drafts(chat)
        return message

    def edit(self, chat: int, message_id: int, content: Mapping[str, Any]) -> JsonObject:
        """Change a message of the bot; `content` without a text changes the buttons only.

        editMessageText edits text messages: a document has none.
        """
        self.open_for_writing(chat)
        old = self.messages.get((chat, message_id))
        if old is None:
            raise refused("message to edit not found")
        if old.get("from", {}).get("id") != BOT_ID:
            raise refused("message can't be edited")
        if "text" in content and "text" not in old:
            raise refused("there is no text in the message to edit")
        new = {key: value for key, value in old.items() if key not in {"entities", "reply_markup"}}
        if "text" not in content:
            new |= {key: old[key] for key in ("entities",) if key in old}
        new |= content
        if {**new, "edit_date": 0} == {**old, "edit_date": 0}:
            raise refused(NOT_MODIFIED)
        new["edit_date"] = int(time.time())
        self.edits[chat, message_id] += 1
        self.messages[chat, message_id] = new
        return new

    def draft(self, chat: int, draft_id: int, text: str, fields: Mapping[str, Any]) -> None:
        """Show a draft (sendMessageDraft: 30 seconds, private chats only, "draft_id" non-zero)."""
        place = self.open_for_writing(chat)
        if place.kind != "private":
            raise refused("method is available only in private chats")
        if draft_id == 0:
            raise refused("draft_id must be non-zero")
        thread = fields.get("message_thread_id")
        self._check_topic(place, thread, None)
        now = time.monotonic()
        earlier = self.drafts.get((chat, draft_id))
        self.drafts_lapsed += earlier is not None and now >= earlier.until_s
        self.drafts[chat, draft_id] = Draft(
            now + self.draft_s,
            text,
            bool(fields.get("can_stop")),
            bool(fields.get("keep_on_stop")),
            thread,
        )
        self.shown_drafts.append((chat, text))

    def answer_callback(self, query_id: str, text: str) -> None:
        """Answer a pressed button, once and in time (answerCallbackQuery)."""
        check_toast(text)
        began = self.callbacks.pop(query_id, None)
        if began is None or time.monotonic() - began > self.callback_s:
            raise refused("query is too old and response timeout expired or query ID is invalid")
        self.answered_callbacks.append(query_id)
        self.toasts.append(text)

    def open_for_writing(self, chat: int) -> EmulatedChat:
        """Return a chat the bot may write to. Raises BotApiError.

        A bot cannot begin a conversation (Bots FAQ), so a chat it has never met is not found. An
        upgraded group says where it is (ResponseParameters, "migrate_to_chat_id").
        """
        place = self.chats.get(chat)
        if place is None:
            raise refused("chat not found")
        if chat in self.blocked:
            raise BotApiError(403, "Forbidden: bot was blocked by the user")
        if place.moved_to:
            reason = "Bad Request: group chat was upgraded to a supergroup chat"
            raise BotApiError(400, reason, moved_to=place.moved_to)
        named = {"private": "private", "group": "group"}.get(place.kind, place.kind)
        if place.bot_status == "kicked":
            raise BotApiError(403, f"Forbidden: bot was kicked from the {named} chat")
        if place.bot_status == "left":
            raise BotApiError(403, f"Forbidden: bot is not a member of the {named} chat")
        if place.kind == "channel" and not place.bot_rights.get("can_post_messages"):
            raise refused("need administrator rights in the channel chat")
        if place.bot_status == "restricted" and not place.bot_rights.get("can_send_messages"):
            raise refused("not enough rights to send text messages to the chat")
        return place

    def _check_topic(self, place: EmulatedChat, thread: int | None, direct: int | None) -> None:
        """Refuse a thread that is none.

        sendMessage, "message_thread_id": for forum supergroups and private chats of bots with forum
        topic mode enabled only. Client.cpp refuses the General topic's id.
        "direct_messages_topic_id" is required in a direct messages chat.
        """
        if place.direct_messages and not direct:
            raise refused("direct messages topic must be specified")
        if not thread:
            return
        topic = place.topics.get(thread)
        general = thread == GENERAL_TOPIC and place.kind == "supergroup"
        if topic is None or topic.deleted or general:
            raise refused("message thread not found")
        if topic.closed and place.bot_status != "administrator":
            raise refused("TOPIC_CLOSED")

    def _topic_of(self, place: EmulatedChat, replied: int | None) -> int | None:
        """Return the topic a reply goes to where none is named: that of the message replied to."""
        target = self.messages.get((place.id, replied)) if replied else None
        if target is None or not target.get("is_topic_message"):
            return None
        return int(target["message_thread_id"])

    def _replied(self, chat: int, parameters: Mapping[str, Any]) -> int | None:
        """Return the id of the message replied to.

        ReplyParameters, "allow_sending_without_reply": else a missing message is an error.
        """
        target = parameters.get("message_id")
        if target is None or (chat, target) in self.messages:
            return target
        if not parameters.get("allow_sending_without_reply"):
            raise refused("message to be replied not found")
        return None

    def _end_drafts(self, chat: int) -> None:
        """Let a message of the bot take the place of its drafts."""
        now = time.monotonic()
        for key in [key for key in self.drafts if key[0] == chat]:
            self.drafts_lapsed += now >= self.drafts.pop(key).until_s
