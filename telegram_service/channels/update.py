"""An update: one thing that happened in a chat, in the shape every channel's events are read into.

The shape and its names are the Bot API's, as far as we read it: Telegram's JSON is validated as it
is, LINE's and WhatsApp's events are translated. Fields we do not use are ignored, so a newer Bot
API changes nothing here.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from telegram_service.addresses import ChatId, MessageId

ANSWERED_TYPES = frozenset({"private", "group", "supergroup"})


class UpdatePart(BaseModel):
    """A part of an update."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


class Person(UpdatePart):
    """Who writes (the Bot API's User)."""

    id: ChatId
    is_bot: bool = False
    first_name: str = ""
    language_code: str = ""


class Chat(UpdatePart):
    """The chat a message is in."""

    id: ChatId
    type: str = "private"
    is_direct_messages: bool = False

    @cached_property
    def is_private(self) -> bool:
        """Return whether one person talks with the bot alone."""
        return self.type == "private"

    @cached_property
    def is_answered(self) -> bool:
        """Return whether the bot writes there: in no channel, nor in a channel's direct messages.

        A type of chat that we do not know yet is not answered either.
        """
        return self.type in ANSWERED_TYPES and not self.is_direct_messages


class File(UpdatePart):
    """A file that came with a message; `duration` in seconds, 0 where it has none."""

    file_id: str
    file_name: str = ""
    mime_type: str = ""
    file_size: int = 0
    duration: float = 0


class Quote(UpdatePart):
    """The words of a message that a reply is about."""

    text: str = ""


class PressableButton(UpdatePart):
    """A button under one of our messages."""

    text: str = ""
    callback_data: str = ""
    url: str = ""


class Keyboard(UpdatePart):
    """The buttons under one of our messages."""

    inline_keyboard: tuple[tuple[PressableButton, ...], ...] = ()


AttachmentKind = Literal["document", "photo", "voice", "audio", "video", "video_note"]


@dataclass(frozen=True)
class Attachment:
    """A file that came with a message, and as what it was sent."""

    kind: AttachmentKind
    file: File
    forwarded: bool = False

    @property
    def is_recording(self) -> bool:
        """Return whether it is sound: a voice note, music, a video note, a file of sound."""
        if self.kind == "document":
            return self.file.mime_type.startswith("audio/")
        return self.kind in {"voice", "audio", "video_note"}


UNREADABLE_KINDS = (
    "sticker", "contact", "location", "venue", "poll", "checklist", "dice", "story", "paid_media",
    "game", "unsupported",
)  # fmt: skip


class TextEntity(UpdatePart):
    """A stretch of a text that means something; offset and length in UTF-16 units."""

    type: str
    offset: int
    length: int
    user: Person | None = None


class IncomingMessage(UpdatePart):
    """A message; `addressed` in a group where it is for us: it names us, or replies to us.

    `sender_chat` is the group or channel on whose behalf somebody writes, `message_thread_id` a
    topic's, `reply_token` LINE's (see ChatAddress).
    """

    message_id: MessageId
    date: int = 0
    chat: Chat
    sender: Person | None = Field(default=None, alias="from")
    sender_chat: Chat | None = None
    message_thread_id: int | None = None
    is_topic_message: bool = False
    is_automatic_forward: bool = False
    edit_date: int = 0
    text: str = ""
    entities: tuple[TextEntity, ...] = ()
    caption: str = ""
    caption_entities: tuple[TextEntity, ...] = ()
    addressed: bool = False
    reply_token: str = ""
    reply_to_message: "IncomingMessage | None" = None
    document: File | None = None
    voice: File | None = None
    audio: File | None = None
    video: File | None = None
    video_note: File | None = None
    photo: tuple[File, ...] = ()
    animation: File | None = None
    sticker: UpdatePart | None = None
    contact: UpdatePart | None = None
    location: UpdatePart | None = None
    venue: UpdatePart | None = None
    poll: UpdatePart | None = None
    checklist: UpdatePart | None = None
    dice: UpdatePart | None = None
    story: UpdatePart | None = None
    paid_media: UpdatePart | None = None
    game: UpdatePart | None = None
    unsupported: UpdatePart | None = None
    media_group_id: str = ""
    forward_origin: UpdatePart | None = None
    quote: Quote | None = None
    reply_markup: Keyboard = Keyboard()
    migrate_to_chat_id: int | None = None
    migrate_from_chat_id: int | None = None

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """Return the files that came with the message, of a picture the largest."""
        if self.animation:
            return (Attachment("video", self.animation),)
        photo = self.photo[-1] if self.photo else None
        found: tuple[tuple[AttachmentKind, File | None], ...] = (
            ("document", self.document), ("photo", photo), ("voice", self.voice),
            ("audio", self.audio), ("video", self.video), ("video_note", self.video_note),
        )  # fmt: skip
        forwarded = self.forward_origin is not None
        return tuple(Attachment(kind, file, forwarded) for kind, file in found if file)

    @property
    def is_unreadable(self) -> bool:
        """Return whether the message is of a kind that holds no question."""
        return any(getattr(self, kind) is not None for kind in UNREADABLE_KINDS)


class CallbackQuery(UpdatePart):
    """A button was pressed; `label` where the channel says it itself."""

    id: str
    sender: Person = Field(alias="from")
    message: IncomingMessage | None = None
    data: str = ""
    label: str = ""

    @property
    def pressed(self) -> str:
        """Return the label of the button; empty when the channel no longer shows the message."""
        if self.label:
            return self.label
        rows = self.message.reply_markup.inline_keyboard if self.message else ()
        labels = (each.text for row in rows for each in row if each.callback_data == self.data)
        return next(labels, "")


class ChatMember(UpdatePart):
    """Somebody's membership of a chat; the last two are told of who is restricted."""

    status: str
    is_member: bool = True
    can_send_messages: bool = True

    @property
    def is_in(self) -> bool:
        """Return whether they are in the chat; in a private one: have not blocked the bot."""
        return self.status not in {"left", "kicked"} and self.is_member

    @property
    def may_write(self) -> bool:
        """Return whether they may write in the chat."""
        return self.is_in and self.can_send_messages


class ChatMemberUpdated(UpdatePart):
    """The bot was added, removed, blocked, allowed again, or its rights have changed."""

    chat: Chat
    sender: Person = Field(alias="from")
    old_chat_member: ChatMember = ChatMember(status="left")
    new_chat_member: ChatMember


class GenerationStopped(UpdatePart):
    """The native Stop of a draft was pressed (Bot API 10.3)."""

    chat: Chat
    draft_id: int
    message_thread_id: int | None = None


class Update(UpdatePart):
    """One update; exactly one of the optional fields is there, or none we know."""

    update_id: int
    message: IncomingMessage | None = None
    edited_message: IncomingMessage | None = None
    callback_query: CallbackQuery | None = None
    my_chat_member: ChatMemberUpdated | None = None
    stopped_message_generation: GenerationStopped | None = None

    @property
    def any_message(self) -> IncomingMessage | None:
        """Return the message, edited or not."""
        return self.message or self.edited_message

    @property
    def sender(self) -> Person | None:
        """Return the person who caused the update."""
        if self.callback_query:
            return self.callback_query.sender
        if self.my_chat_member:
            return self.my_chat_member.sender
        return self.any_message.sender if self.any_message else None
