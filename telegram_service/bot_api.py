"""The Bot API's objects, as far as we read them, validated; and the address of a chat.

Fields we do not use are ignored, so a newer Bot API changes nothing here.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

ALLOWED_UPDATES = [
    "message",
    "edited_message",
    "callback_query",
    "my_chat_member",
    "stopped_message_generation",
]
"""Named one by one: the last (Bot API 10.3) is in no library's list of all types yet."""


@dataclass(frozen=True)
class ChatAddress:
    """Where to write: a chat and, in a forum, its thread."""

    chat: int
    thread: int | None = None
    private: bool = True


class BotApiObject(BaseModel):
    """An object of the Bot API."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class TelegramUser(BotApiObject):
    """Who writes (the Bot API's User)."""

    id: int
    is_bot: bool = False
    first_name: str = ""
    language_code: str = ""


class Chat(BotApiObject):
    """The chat a message is in."""

    id: int
    type: Literal["private", "group", "supergroup", "channel"] = "private"

    @cached_property
    def is_private(self) -> bool:
        """Return whether one person talks with the bot alone."""
        return self.type == "private"


class File(BotApiObject):
    """A file that came with a message."""

    file_id: str
    file_name: str = ""
    mime_type: str = ""
    file_size: int = 0


class PressableButton(BotApiObject):
    """A button under one of our messages."""

    text: str = ""
    callback_data: str = ""


class Keyboard(BotApiObject):
    """The buttons under one of our messages."""

    inline_keyboard: tuple[tuple[PressableButton, ...], ...] = ()


class IncomingMessage(BotApiObject):
    """A message."""

    message_id: int
    date: int = 0
    chat: Chat
    sender: TelegramUser | None = Field(default=None, alias="from")
    message_thread_id: int | None = None
    text: str = ""
    caption: str = ""
    reply_to_message: "IncomingMessage | None" = None
    document: File | None = None
    voice: BotApiObject | None = None
    audio: BotApiObject | None = None
    video: BotApiObject | None = None
    video_note: BotApiObject | None = None
    photo: tuple[BotApiObject, ...] = ()
    reply_markup: Keyboard = Keyboard()
    migrate_to_chat_id: int | None = None
    migrate_from_chat_id: int | None = None


class CallbackQuery(BotApiObject):
    """A button was pressed."""

    id: str
    sender: TelegramUser = Field(alias="from")
    message: IncomingMessage | None = None
    data: str = ""

    @property
    def pressed(self) -> str:
        """Return the label of the button; empty when Telegram no longer shows the message."""
        rows = self.message.reply_markup.inline_keyboard if self.message else ()
        labels = (each.text for row in rows for each in row if each.callback_data == self.data)
        return next(labels, "")


class ChatMember(BotApiObject):
    """Somebody's membership of a chat."""

    status: str


class ChatMemberUpdated(BotApiObject):
    """The bot was added, removed, blocked or allowed again."""

    chat: Chat
    sender: TelegramUser = Field(alias="from")
    new_chat_member: ChatMember


class GenerationStopped(BotApiObject):
    """The native Stop of a draft was pressed (Bot API 10.3)."""

    chat: Chat
    draft_id: int
    message_thread_id: int | None = None


class Update(BotApiObject):
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
    def sender(self) -> TelegramUser | None:
        """Return the person who caused the update."""
        if self.callback_query:
            return self.callback_query.sender
        if self.my_chat_member:
            return self.my_chat_member.sender
        return self.any_message.sender if self.any_message else None
