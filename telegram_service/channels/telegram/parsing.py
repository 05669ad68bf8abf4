"""Telegram's updates: where each belongs, and what it says."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

import orjson

from telegram_service.addresses import ChatId
from telegram_service.channels.markdown import units
from telegram_service.channels.update import IncomingMessage, Person, TextEntity, Update
from telegram_service.queue.event import Lane, overtakes, waits_its_turn

ALLOWED_UPDATES = [
    "message",
    "edited_message",
    "callback_query",
    "my_chat_member",
    "stopped_message_generation",
]
"""Named one by one: the last (Bot API 10.3) is in no library's list of all types yet."""
AFTER_A_NAME = " ,:;!\u00a0\u202f"
WITH_CHAT = ("message", "edited_message", "my_chat_member", "stopped_message_generation")


def parsed(payload: bytes, bot: int, bot_name: str) -> Update:
    """Return an update, its message marked where it is addressed to the bot, and without the name.

    Raises ValidationError.
    """
    update = Update.model_validate_json(payload)
    changes: dict[str, object] = {}
    for name in ("message", "edited_message"):
        if message := getattr(update, name):
            changes[name] = _read(message, bot, bot_name)
    if (query := update.callback_query) and query.message:
        message = _in_topic(query.message)
        changes["callback_query"] = query.model_copy(update={"message": message})
    return update.model_copy(update=changes)


def _read(message: IncomingMessage, bot: int, bot_name: str) -> IncomingMessage:
    message = _spoken(_in_topic(message))
    return message if message.chat.is_private else _addressed(message, bot, bot_name)


def _in_topic(message: IncomingMessage) -> IncomingMessage:
    """Return a message with its thread where that is a topic.

    A reply in an ordinary supergroup has a thread too, which no message may be sent to (Message,
    "is_topic_message").
    """
    if message.is_topic_message or message.message_thread_id is None:
        return message
    return message.model_copy(update={"message_thread_id": None})


def _spoken(message: IncomingMessage) -> IncomingMessage:
    """Return a message from who speaks: who writes on behalf of a group or channel is that chat.

    Telegram names a fake bot as their sender (Message, "from", "sender_chat").
    """
    chat = message.sender_chat
    return message if chat is None else message.model_copy(update={"sender": Person(id=chat.id)})


def _addressed(message: IncomingMessage, bot: int, bot_name: str) -> IncomingMessage:
    """Return a group's message, addressed where it is a reply to us or names us."""
    field = "text" if message.text else "caption"
    text = message.text or message.caption
    entities = message.entities if message.text else message.caption_entities
    mentions = _mentions(text, entities, bot, bot_name)
    replied = message.reply_to_message
    is_reply = bool(replied and replied.sender and replied.sender.id == bot)
    if not mentions and not is_reply:
        return message
    rest = _without(text, mentions) if mentions else text
    return message.model_copy(update={"addressed": True, field: rest})


def _mentions(
    text: str, entities: Sequence[TextEntity], bot: int, bot_name: str
) -> list[tuple[int, int]]:
    """Return where a text names the bot, in UTF-16 units: Telegram has found the names in it.

    Where it has found nothing at all, they are found by its rule: a name after a letter is part of
    an e-mail address, a longer one is another account's.
    """
    wanted = f"@{bot_name}"
    if not entities:
        found = re.finditer(rf"(?<!\w){re.escape(wanted)}(?!\w)", text, re.IGNORECASE)
        return [(units(text[: one.start()]), units(text[: one.end()])) for one in found]
    encoded = text.encode("utf-16-le")
    spans = []
    for entity in entities:
        start, end = entity.offset, entity.offset + entity.length
        named = encoded[2 * start : 2 * end].decode("utf-16-le", "replace")
        by_name = entity.type == "mention" and named.lower() == wanted.lower()
        if by_name or (entity.type == "text_mention" and entity.user and entity.user.id == bot):
            spans.append((start, end))
    return spans


def _without(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """Return a text without some stretches, and without the sign that stood after the first."""
    encoded = text.encode("utf-16-le")
    kept, at = b"", 0
    for start, end in sorted(spans):
        kept += encoded[2 * at : 2 * start]
        at = max(at, end)
    kept += encoded[2 * at :]
    return kept.decode("utf-16-le", "replace").strip().lstrip(AFTER_A_NAME)


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
