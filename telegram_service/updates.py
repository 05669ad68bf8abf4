"""What Telegram sends, as far as we read it: the Bot API's objects, checked at the door.

Fields we do not use are ignored, so a newer Bot API changes nothing here.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

ALLOWED_UPDATES = [
    "message",
    "edited_message",
    "callback_query",
    "my_chat_member",
    "stopped_message_generation",
]
"""Asked for by name: the last one (Bot API 10.3) is in no library's list of all types yet."""


class Thing(BaseModel):
    """An object of the Bot API."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Person(Thing):
    """Who writes."""

    id: int
    is_bot: bool = False
    first_name: str = ""
    language_code: str = ""


class Chat(Thing):
    """Where it is written."""

    id: int
    type: Literal["private", "group", "supergroup", "channel"] = "private"

    @property
    def is_private(self) -> bool:
        """Tell whether one person talks with the bot alone."""
        return self.type == "private"


class Entity(Thing):
    """A marked part of a text; offsets in UTF-16 units."""

    type: str
    offset: int
    length: int


class File(Thing):
    """A file that came with a message."""

    file_id: str
    file_name: str = ""
    mime_type: str = ""
    file_size: int = 0


class Post(Thing):
    """A message."""

    message_id: int
    date: int = 0
    chat: Chat
    sender: Person | None = Field(default=None, alias="from")
    message_thread_id: int | None = None
    text: str = ""
    caption: str = ""
    entities: tuple[Entity, ...] = ()
    reply_to_message: "Post | None" = None
    document: File | None = None
    voice: Thing | None = None
    audio: Thing | None = None
    video: Thing | None = None
    video_note: Thing | None = None
    photo: tuple[Thing, ...] = ()
    migrate_to_chat_id: int | None = None
    migrate_from_chat_id: int | None = None


class Tap(Thing):
    """A button was tapped."""

    id: str
    sender: Person = Field(alias="from")
    message: Post | None = None
    data: str = ""


class Member(Thing):
    """Somebody's place in a chat."""

    status: str


class Membership(Thing):
    """The bot was added, removed, blocked or allowed again."""

    chat: Chat
    sender: Person = Field(alias="from")
    new_chat_member: Member


class Stopped(Thing):
    """The native Stop of a draft (Bot API 10.3)."""

    chat: Chat
    draft_id: int
    message_thread_id: int | None = None


class Update(Thing):
    """One update; exactly one of the optional fields is there, or none we know."""

    update_id: int
    message: Post | None = None
    edited_message: Post | None = None
    callback_query: Tap | None = None
    my_chat_member: Membership | None = None
    stopped_message_generation: Stopped | None = None

    @property
    def post(self) -> Post | None:
        """Return the message, edited or not."""
        return self.message or self.edited_message

    @property
    def sender(self) -> Person | None:
        """Return who caused it."""
        if self.callback_query:
            return self.callback_query.sender
        if self.my_chat_member:
            return self.my_chat_member.sender
        return self.post.sender if self.post else None
