"""Telegram's updates: where each belongs, and what it says."""

from collections.abc import Mapping
from typing import Any, TypeGuard

import orjson

from telegram_service.addresses import ChatId
from telegram_service.channels.update import IncomingMessage, Update
from telegram_service.queue.event import Lane, overtakes, waits_its_turn

ALLOWED_UPDATES = [
    "message",
    "edited_message",
    "callback_query",
    "my_chat_member",
    "stopped_message_generation",
]
"""Named one by one: the last (Bot API 10.3) is in no library's list of all types yet."""
WITH_CHAT = ("message", "edited_message", "my_chat_member", "stopped_message_generation")


def parsed(payload: bytes, bot: int, bot_name: str) -> Update:
    """Return an update, its message marked where it is addressed to the bot, and without the name.

    Raises ValidationError.
    """
    update = Update.model_validate_json(payload)
    message = update.any_message
    if message is None or message.chat.is_private:
        return update
    name = "message" if update.message else "edited_message"
    return update.model_copy(update={name: _addressed(message, bot, bot_name)})


def _addressed(message: IncomingMessage, bot: int, bot_name: str) -> IncomingMessage:
    """Return a group's message, addressed where it is a reply to us or names us."""
    replied = message.reply_to_message
    if replied and replied.sender and replied.sender.id == bot:
        return message.model_copy(update={"addressed": True})
    text, mention = message.text or message.caption, f"@{bot_name}"
    start = text.lower().find(mention.lower())
    if text.startswith("/") or start < 0:
        return message
    rest = (text[:start] + text[start + len(mention) :]).strip()
    field = "text" if message.text else "caption"
    return message.model_copy(update={"addressed": True, field: rest})


def origin(payload: bytes) -> tuple[ChatId | None, ChatId | None]:
    """Return the chat and the sender of an update, as far as they can be read.

    Raises ValueError, KeyError, TypeError, AttributeError.
    """
    update = orjson.loads(payload)
    return _telegram_id(destination(update)[0]), _telegram_id(sender_id(update))


def _telegram_id(value: object) -> int | None:
    """Return an id of a poison update, None for what is none: a list, a fraction, a huge number."""
    return value if is_number(value) and abs(value) < 2**52 else None


def is_number(value: object) -> TypeGuard[int]:
    """Whether a value of JSON is a whole number; to Python `true` is one too."""
    return isinstance(value, int) and not isinstance(value, bool)


def destination(update: Mapping[str, Any]) -> tuple[int | None, int | None, Lane]:
    """Return the chat an update belongs to, its message id, and its lane."""
    if query := update.get("callback_query"):
        message = query.get("message")
        asks = waits_its_turn(str(query.get("data", "")))
        chat = message["chat"]["id"] if message else query["from"]["id"]
        return chat, None, "message" if asks else "control"
    for name in WITH_CHAT:
        if content := update.get(name):
            chat = content["chat"]["id"]
            if name == "message":
                text = content.get("text", "")
                lane: Lane = "control" if overtakes(text) else "message"
                return chat, content["message_id"], lane
            if name == "edited_message":
                return chat, content["message_id"], "edit"
            return chat, None, "control" if name.startswith("stopped") else "message"
    return None, None, "message"


def sender_id(update: Mapping[str, Any]) -> int | None:
    """Return the id of the person who caused an update, None where it names none."""
    for name in ("callback_query", *WITH_CHAT):
        if content := update.get(name):
            return content["from"]["id"] if "from" in content else None
    return None
