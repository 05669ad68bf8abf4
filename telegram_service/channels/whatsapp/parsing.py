"""WhatsApp's messages: one event of a webhook each, and what it says as an Update.

What waits in the queue is the JSON `{"message": …, "contact": …}` of one message, as Meta wrote it
(webhooks/reference/messages). A person is known by the business-scoped user id that accompanies
every message since April 2026, else by the phone number: who has taken a user name shows no number,
and stays the same person to us.
"""

from collections.abc import Mapping
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

from telegram_service.addresses import ChatId
from telegram_service.channels.update import (
    CallbackQuery,
    Chat,
    File,
    IncomingMessage,
    Person,
    Update,
    UpdatePart,
)
from telegram_service.channels.whatsapp.formatting import pressed
from telegram_service.queue.event import Event, Lane, overtakes, waits_its_turn

PREFIX = "whatsapp:"
MAX_TIMESTAMP = 2**40
SILENT = {"reaction", "system", "revoke", "request_welcome"}
"""Kinds that nobody expects an answer to."""


class WhatsAppPart(BaseModel):
    """A part of a message; fields we do not read are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Text(WhatsAppPart):
    """What was written, or the label of a template's button."""

    body: str = ""
    text: str = ""


class Media(WhatsAppPart):
    """A file on Meta's servers; `voice` where it was recorded in the chat."""

    id: str
    mime_type: str = ""
    caption: str = ""
    filename: str = ""
    voice: bool = False


class Choice(WhatsAppPart):
    """A reply button or a row of a list that was chosen."""

    id: str
    title: str = ""


class Interactive(WhatsAppPart):
    """A reply to a message of ours with buttons or a list."""

    type: str
    button_reply: Choice | None = None
    list_reply: Choice | None = None


class Edit(WhatsAppPart):
    """A message that replaces an earlier one."""

    original_message_id: str
    message: dict[str, Any]


class Context(WhatsAppPart):
    """The message that this one replies to, and whether it is a forward."""

    id: str = ""
    forwarded: bool = False
    frequently_forwarded: bool = False


class Contact(WhatsAppPart):
    """Who writes."""

    user_id: str = ""
    wa_id: str = ""


class Message(WhatsAppPart):
    """A message as the webhook brings it; exactly the field named by `type` has its content."""

    id: str = Field(min_length=1)
    type: str
    timestamp: int = Field(default=0, ge=0, le=MAX_TIMESTAMP)
    number: str = Field(default="", alias="from")
    from_user_id: str = ""
    group_id: str = ""
    context: Context = Context()
    text: Text = Text()
    button: Text = Text()
    image: Media | None = None
    audio: Media | None = None
    video: Media | None = None
    document: Media | None = None
    interactive: Interactive | None = None
    edit: Edit | None = None


class Received(WhatsAppPart):
    """One message with its sender."""

    message: Message
    contact: Contact = Contact()

    @property
    def chat(self) -> str:
        """Return the person's id, which is their chat's; empty when nobody is named."""
        message, contact = self.message, self.contact
        person = message.from_user_id or contact.user_id or message.number or contact.wa_id
        return PREFIX + person if person else ""


def event_of(received: Received) -> Event | None:
    """Return where a message belongs in the queue; None for what is not answered.

    A group's messages are not: an answer would go to one person alone.
    """
    message, chat = received.message, received.chat
    if not chat or message.group_id or message.type in SILENT:
        return None
    lane: Lane = "control" if overtakes(message.text.body) else "message"
    if choice := _choice(message):
        lane = "message" if waits_its_turn(choice.id) else "control"
    return Event("whatsapp", message.id, chat, lane=lane)


def parsed(payload: bytes, update_id: int) -> Update:
    """Return what a message says. Raises ValidationError."""
    received = Received.model_validate_json(payload)
    message = received.message
    person = Person(id=received.chat)
    chat = Chat(id=received.chat)
    if choice := _choice(message):
        data, label = pressed(choice.id, choice.title)
        ours = IncomingMessage(message_id=message.context.id or message.id, chat=chat)
        query = CallbackQuery(id=message.id, sender=person, message=ours, data=data, label=label)
        return Update(update_id=update_id, callback_query=query)
    if message.edit:
        newer = Message.model_validate(
            {**message.edit.message, "id": message.edit.original_message_id}
        )
        edited = _incoming(newer, chat, person)
        return Update(update_id=update_id, edited_message=edited)
    return Update(update_id=update_id, message=_incoming(message, chat, person))


def _choice(message: Message) -> Choice | None:
    interactive = message.interactive
    return (interactive.button_reply or interactive.list_reply) if interactive else None


def _incoming(message: Message, chat: Chat, person: Person) -> IncomingMessage:
    files: dict[str, Any] = {}
    caption = ""
    for kind in ("image", "audio", "video", "document"):
        media: Media | None = getattr(message, kind)
        if media:
            file, caption = _file(media), media.caption
            files |= {"photo": (file,)} if kind == "image" else {_field(kind, media): file}
    text = message.text.body or message.button.text
    forwarded = message.context.forwarded or message.context.frequently_forwarded
    return IncomingMessage(
        message_id=message.id,
        date=message.timestamp,
        chat=chat,
        sender=person,
        text=text,
        caption=caption,
        forward_origin=UpdatePart() if forwarded else None,
        unsupported=None if text or files else UpdatePart(),
        **files,
    )


def _field(kind: str, media: Media) -> Literal["voice", "audio", "video", "document"]:
    match kind:
        case "audio":
            return "voice" if media.voice else "audio"
        case "video":
            return "video"
    return "document"


def _file(media: Media) -> File:
    return File(file_id=media.id, file_name=media.filename, mime_type=media.mime_type)


def origin(payload: bytes) -> tuple[ChatId | None, ChatId | None]:
    """Return the chat and the sender of a message, as far as they can be read.

    Raises ValueError, KeyError, TypeError, AttributeError.
    """
    whole = orjson.loads(payload)
    message, contact = whole["message"], whole.get("contact") or {}
    found = (message.get("from_user_id"), contact.get("user_id"), message.get("from"))
    person = next((each for each in found if isinstance(each, str) and each), None)
    chat = PREFIX + person if person else None
    return chat, chat


def payload_of(message: Mapping[str, Any], contact: Mapping[str, Any]) -> bytes:
    """Return what waits in the queue for a message."""
    return orjson.dumps({"message": message, "contact": contact})
