"""LINE's events: where each belongs, and what it says, as an Update.

The shapes are those of github.com/line/line-openapi, webhook.yml. A follow and an invitation to a
group are read as /start, so that each is greeted under its own reply token; what LINE may add
later, and what asks nothing of us, becomes an empty update, which is ignored.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from shared.languages import language_of
from telegram_service.addresses import ChatId
from telegram_service.channels.update import (
    CallbackQuery,
    Chat,
    ChatMember,
    ChatMemberUpdated,
    File,
    IncomingMessage,
    Person,
    Update,
    UpdatePart,
)
from telegram_service.queue.event import Event, Lane, overtakes, waits_its_turn

JsonObject = Mapping[str, Any]

PREFIX = "line:"
GREETED = frozenset({"follow", "join"})
GONE = frozenset({"unfollow", "leave"})
FILE_KINDS: Mapping[str, str] = {"image": "photo", "audio": "voice", "video": "video"}
MIME_TYPES: Mapping[str, str] = {
    "image": "image/jpeg",
    "audio": "audio/mp4",
    "video": "video/mp4",
}
"""What LINE hands out: pictures as JPEG, recordings as M4A, films as MP4."""
UNREADABLE = frozenset({"sticker", "location"})
FROM_LINE = "line"
"""A content provider; another one names an address of the internet, which is not fetched."""


def chat_of(event: JsonObject) -> str:
    """Return the id of an event's chat. Raises KeyError, TypeError."""
    source = event["source"]
    found = source.get("groupId") or source.get("roomId") or source["userId"]
    if not isinstance(found, str) or not found:
        raise TypeError("no chat")
    return PREFIX + found


def line_id(chat: ChatId) -> str:
    """Return LINE's own id of a chat or a person."""
    return str(chat).removeprefix(PREFIX)


def queued(event: JsonObject) -> Event | None:
    """Return an event as the queue needs to know it; None for one that is no chat's.

    Raises KeyError, TypeError, ValueError, AttributeError for what is no event of LINE's.
    """
    if event.get("mode") == "standby" or "source" not in event:
        return None
    event_id = event["webhookEventId"]
    if not isinstance(event_id, str) or not event_id:
        raise TypeError("no webhookEventId")
    kind, message_id = event["type"], None
    lane: Lane = "message"
    if kind == "message":
        message_id = int(event["message"]["id"])
        text, _ = text_of(event["message"])
        lane = "control" if overtakes(text) else "message"
    elif kind == "unsend":
        message_id, lane = int(event["unsend"]["messageId"]), "edit"
    elif kind == "postback":
        lane = "message" if waits_its_turn(str(event["postback"].get("data", ""))) else "control"
    return Event("line", event_id, chat_of(event), message_id, lane)


def parsed(payload: bytes, update_id: int) -> Update:
    """Return what an event says. Raises ValidationError."""
    event = orjson.loads(payload)
    kind = event.get("type")
    if kind == "message":
        return Update(update_id=update_id, message=message_of(event))
    if kind in GREETED:
        return Update(update_id=update_id, message=incoming(event, text="/start"))
    if kind == "postback":
        return Update(update_id=update_id, callback_query=press_of(event))
    if kind in GONE:
        return Update(update_id=update_id, my_chat_member=departure_of(event))
    return Update(update_id=update_id)


def origin(payload: bytes) -> tuple[ChatId | None, ChatId | None]:
    """Return the chat and the sender of an event. Raises ValueError, KeyError, TypeError."""
    event = orjson.loads(payload)
    chat = chat_of(event)
    person = event["source"].get("userId")
    return chat, f"{PREFIX}{person}" if isinstance(person, str) else None


def incoming(event: JsonObject, **content: Any) -> IncomingMessage:
    """Return a message of an event's chat."""
    message = event.get("message") or {}
    return IncomingMessage(
        message_id=int(message.get("id", 0)),
        date=int(event.get("timestamp", 0)) // 1000,
        chat=chat_object(event),
        sender=person_of(event, str(content.get("text", ""))),
        reply_token=reply_token_of(event),
        **content,
    )


def reply_token_of(event: JsonObject) -> str:
    """Return an event's reply token; none for one delivered again, whose minute is mostly over."""
    again = (event.get("deliveryContext") or {}).get("isRedelivery") is True
    return "" if again else str(event.get("replyToken", ""))


def message_of(event: JsonObject) -> IncomingMessage:
    """Return what a person wrote or sent; pictures sent together are one group."""
    message = event["message"]
    kind = message.get("type")
    if kind == "text":
        text, addressed = text_of(message)
        return incoming(event, text=text, addressed=addressed)
    if kind == "file":
        name, size = str(message.get("fileName", "")), int(message.get("fileSize", 0))
        file = File(file_id=str(message["id"]), file_name=name, file_size=size)
        return incoming(event, document=file)
    if kind in FILE_KINDS:
        file = File(
            file_id=file_id_of(message),
            mime_type=MIME_TYPES[kind],
            duration=float(message.get("duration") or 0) / 1000,
        )
        field = FILE_KINDS[kind]
        together = str((message.get("imageSet") or {}).get("id", ""))
        content = {field: (file,) if field == "photo" else file}
        return incoming(event, **content, media_group_id=together)
    unreadable = kind if kind in UNREADABLE else "unsupported"
    return incoming(event, **{unreadable: UpdatePart()})


def file_id_of(message: JsonObject) -> str:
    """Return the id to fetch a file by; empty for one that is not LINE's to hand out."""
    provider = (message.get("contentProvider") or {}).get("type", FROM_LINE)
    return str(message["id"]) if provider == FROM_LINE else ""


def text_of(message: JsonObject) -> tuple[str, bool]:
    """Return a message's text without the mentions of us, and whether there was one.

    A mention's place is counted in UTF-16 units, as all characters of a text are.
    """
    text = message.get("text")
    if not isinstance(text, str):
        return "", False
    mentionees = (message.get("mention") or {}).get("mentionees") or ()
    mine = [each for each in mentionees if each.get("isSelf") is True]
    encoded = text.encode("utf-16-le", "surrogatepass")
    for each in sorted(mine, key=lambda one: int(one["index"]), reverse=True):
        start, length = int(each["index"]), int(each["length"])
        encoded = encoded[: 2 * start] + encoded[2 * (start + length) :]
    return encoded.decode("utf-16-le", "replace").strip(), bool(mine)


def press_of(event: JsonObject) -> CallbackQuery:
    """Return the press of a button."""
    return CallbackQuery(
        id=str(event["webhookEventId"]),
        sender=person_of(event),
        message=incoming(event),
        data=str(event["postback"].get("data", "")),
    )


def departure_of(event: JsonObject) -> ChatMemberUpdated:
    """Return that a person has blocked us, or a group has removed us."""
    return ChatMemberUpdated(
        chat=chat_object(event),
        sender=person_of(event),
        new_chat_member=ChatMember(status="kicked" if event["type"] == "unfollow" else "left"),
    )


def chat_object(event: JsonObject) -> Chat:
    """Return the chat of an event."""
    private = event["source"].get("type") == "user"
    return Chat(id=chat_of(event), type="private" if private else "group")


def person_of(event: JsonObject, text: str = "") -> Person:
    """Return who caused an event; the group itself where LINE does not say.

    A group's language is that of the words that first address us: LINE gives members' none.
    """
    source = event["source"]
    person = source.get("userId")
    language = "" if source.get("type") == "user" else language_of(text)
    return Person(id=f"{PREFIX}{person}" if person else chat_of(event), language_code=language)
