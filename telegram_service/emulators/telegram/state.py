"""Telegram's side: chats, messages, threads, and the updates on their way to the bot.

Sections named here are of the Bot API's documentation (core.telegram.org/bots/api) unless another
page is. Message ids: a supergroup and a channel number their own, all other chats share the
account's.
"""

import itertools
import re
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from telegram_service.emulators.telegram.objects import (
    BOT_ID,
    BOT_NAME,
    SUPERGROUP,
    ChatKind,
    EmulatedChat,
    JsonObject,
    Topic,
    kind_of,
    user_object,
)

NOT_BY_DEFAULT = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
"""setWebhook, "allowed_updates": an empty list means every type but these."""
COMMAND = re.compile(r"/\w+(?:@(\w+))?")
MESSAGE_KINDS = (
    "message", "edited_message", "channel_post", "edited_channel_post", "business_message",
)  # fmt: skip
SERVICE_CONTENT = frozenset(
    {
        "new_chat_members", "left_chat_member", "new_chat_title", "forum_topic_created",
        "forum_topic_closed", "migrate_to_chat_id", "migrate_from_chat_id", "pinned_message",
        "message_auto_delete_timer_changed", "video_chat_started", "group_chat_created",
    }
)  # fmt: skip


@dataclass
class State:
    """Chats, their messages, and the updates on their way to the bot.

    `privacy` is the bot's privacy mode, on as it is for a new bot; `private_topics` its topics in
    private chats (User, "has_topics_enabled").
    """

    privacy: bool = True
    private_topics: bool = False
    chats: dict[int, EmulatedChat] = field(default_factory=dict)
    messages: dict[tuple[int, int], JsonObject] = field(default_factory=dict)
    threads: dict[tuple[int, int], int] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    admins: set[int] = field(default_factory=set)
    blocked: set[int] = field(default_factory=set)
    languages: dict[int, str] = field(default_factory=dict)
    callbacks: dict[str, float] = field(default_factory=dict)
    allowed_updates: frozenset[str] | None = None
    updates: deque[JsonObject] = field(default_factory=deque)
    _update_ids: Iterator[int] = field(default_factory=lambda: itertools.count(1_000_001))
    _account_ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _group_ids: defaultdict[int, Iterator[int]] = field(
        default_factory=lambda: defaultdict(lambda: itertools.count(1))
    )

    def chat(self, chat: int, kind: ChatKind | None = None, **changes: Any) -> EmulatedChat:
        """Return a chat, which the bot knows from now on; change what is named."""
        found = self.chats.get(chat)
        if found is None:
            found = EmulatedChat(chat, kind or kind_of(chat), f"Groupe {chat}")
            self.chats[chat] = found
        for name, value in changes.items():
            setattr(found, name, value)
        return found

    def receive(self, update: JsonObject) -> JsonObject:
        """Deliver an update that a test has written, and learn the chat and messages it names."""
        kind, content = next((key, value) for key, value in update.items() if key != "update_id")
        if kind in MESSAGE_KINDS:
            self._learn(content)
        elif kind == "callback_query":
            self.callbacks[content["id"]] = time.monotonic()
        elif isinstance(content.get("chat"), dict):
            self.chat(content["chat"]["id"], content["chat"].get("type"))
        return self._queue({kind: content})

    def _learn(self, message: JsonObject) -> None:
        told = message["chat"]
        where = self.chat(told["id"], told.get("type"))
        thread = message.get("message_thread_id")
        if thread and message.get("is_topic_message"):
            where.forum = where.forum or where.kind == "supergroup"
            where.topics.setdefault(thread, Topic(""))
        elif thread:
            self.threads[where.id, message["message_id"]] = thread
        self.messages[where.id, message["message_id"]] = message
        replied = message.get("reply_to_message")
        if replied and "message_id" in replied:
            self.messages.setdefault((where.id, replied["message_id"]), replied)

    def _received(
        self,
        chat: int,
        sender: JsonObject,
        content: Mapping[str, Any],
        topic: int | None = None,
        reply_to: int | None = None,
        number: int | None = None,
    ) -> JsonObject:
        message: JsonObject = {
            "message_id": number or self._next_id(chat),
            "date": int(time.time()),
            "chat": self.chat(chat).as_object(),
            **sender,
        }
        message |= self._in_thread(chat, message["message_id"], topic, reply_to)
        message |= content
        self.messages[chat, message["message_id"]] = message
        return message

    def _in_thread(
        self, chat: int, number: int, topic: int | None, reply_to: int | None
    ) -> JsonObject:
        """Return what a message says of its thread and of the message replied to.

        Message, "message_thread_id": the thread or topic of the message, in supergroups and private
        chats; "is_topic_message" is there for topics alone, so a reply in an ordinary
        supergroup has the first without the second. "reply_to_message" has no further one in it.
        """
        found: JsonObject = {}
        replied = self.messages.get((chat, reply_to)) if reply_to else None
        if replied is None and topic and topic != number:
            replied = self.messages.get((chat, topic))
        if replied:
            found["reply_to_message"] = {
                key: value for key, value in replied.items() if key != "reply_to_message"
            }
        if topic:
            return {**found, "message_thread_id": topic, "is_topic_message": True}
        if reply_to and self.chat(chat).kind == "supergroup":
            root = self.threads.get((chat, reply_to), reply_to)
            self.threads[chat, number] = root
            found["message_thread_id"] = root
        return found

    def _queue_message(self, message: JsonObject, kind: str) -> JsonObject:
        update = {kind: message}
        return self._queue(update) if self._is_told(message) else {"update_id": 0, **update}

    def _is_told(self, message: JsonObject) -> bool:
        """Whether the bot gets a message.

        Telegram Bot Features, "Privacy mode": all of them where it is off, in private chats, in
        channels and for an administrator; else commands for this bot by name, other commands if
        this bot was the last one to write in the group, replies to it, and service messages. A
        mention alone is not delivered (openclacky PR 117, archestra PR 6562).
        """
        chat = self.chats[message["chat"]["id"]]
        if not self.privacy or chat.kind in {"private", "channel"}:
            return True
        if chat.bot_status == "administrator" or SERVICE_CONTENT & message.keys():
            return True
        if command := COMMAND.match(message.get("text") or message.get("caption") or ""):
            named = command[1]
            return named.lower() == BOT_NAME.lower() if named else chat.bot_wrote_last
        replied = message.get("reply_to_message") or {}
        return bool((replied.get("from") or {}).get("id") == BOT_ID)

    def _queue(self, content: JsonObject) -> JsonObject:
        kind = next(iter(content))
        allowed = self.allowed_updates
        if kind in NOT_BY_DEFAULT if allowed is None else kind not in allowed:
            return {"update_id": 0, **content}
        update = {"update_id": next(self._update_ids), **content}
        self.updates.append(update)
        return update

    def _user(self, person: int) -> JsonObject:
        return user_object(person, self.languages.get(abs(person), "fr"))

    def _next_id(self, chat: int) -> int:
        own = str(chat).startswith(SUPERGROUP)
        numbers = self._group_ids[chat] if own else self._account_ids
        return next(each for each in numbers if (chat, each) not in self.messages)
