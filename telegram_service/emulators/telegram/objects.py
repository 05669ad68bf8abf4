"""The Bot API's objects as the emulator makes them, and its errors.

Wordings of refusals are those of tdlib/telegram-bot-api, Client.cpp, as of 2026-05-07.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

BOT_ID = 424_242
BOT_NAME = "CodeDuTravailNeoBot"
SUPERGROUP = "-100"
ANONYMOUS_ADMIN: dict[str, Any] = {
    "id": 1_087_968_824,
    "is_bot": True,
    "first_name": "Group",
    "username": "GroupAnonymousBot",
}
"""Message, "from": a fake sender for clients that know no sender_chat."""
CHANNEL_SENDER: dict[str, Any] = {
    "id": 136_817_688,
    "is_bot": True,
    "first_name": "Channel",
    "username": "Channel_Bot",
}
TELEGRAM: dict[str, Any] = {"id": 777_000, "is_bot": False, "first_name": "Telegram"}
"""Who a channel's posts are "from" in its discussion group."""
BOT: dict[str, Any] = {
    "id": BOT_ID,
    "is_bot": True,
    "first_name": "Code du Travail Neo",
    "username": BOT_NAME,
}

JsonObject = dict[str, Any]
Fields = Mapping[str, Any]
"""The fields of a call."""
ChatKind = Literal["private", "group", "supergroup", "channel"]


class BotApiError(Exception):
    """An error as Telegram returns it."""

    def __init__(
        self,
        code: int,
        reason: str,
        retry_after_s: int | None = None,
        moved_to: int | None = None,
    ) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.retry_after_s = retry_after_s
        self.moved_to = moved_to


@dataclass(frozen=True)
class Call:
    """One call of the bot, with its error."""

    at_s: float
    method: str
    chat: int
    error: str = ""


@dataclass
class Refusal:
    """A refusal a test asks for: of one method, as long as `field` is in the call, if one is named.

    `times` counts down the calls that it refuses; None: for ever.
    """

    method: str
    error: BotApiError
    field: str = ""
    times: int | None = None


@dataclass
class Topic:
    """A topic of a forum, or of a private chat with topics; its id is its first message's."""

    name: str
    closed: bool = False
    deleted: bool = False


@dataclass
class EmulatedChat:
    """A chat the bot knows. `linked` joins a channel and its discussion group."""

    id: int
    kind: ChatKind
    title: str = ""
    forum: bool = False
    direct_messages: bool = False
    topics: dict[int, Topic] = field(default_factory=dict)
    bot_status: str = "member"
    bot_rights: dict[str, bool] = field(default_factory=dict)
    linked: int | None = None
    moved_to: int | None = None
    bot_wrote_last: bool = False

    def as_object(self) -> JsonObject:
        """Return it as a Chat of the Bot API."""
        if self.kind == "private":
            return {"id": self.id, "type": "private", "first_name": f"Personne {self.id}"}
        chat: JsonObject = {"id": self.id, "type": self.kind, "title": self.title}
        if self.forum:
            chat["is_forum"] = True
        if self.direct_messages:
            chat["is_direct_messages"] = True
        return chat

    def bot_as_member(self) -> JsonObject:
        """Return the bot as a ChatMember of the Bot API."""
        return {"user": BOT, "status": self.bot_status, **self.bot_rights}


def kind_of(chat: int) -> ChatKind:
    """Return the usual kind of a chat by its id: a channel's looks like a supergroup's."""
    if chat > 0:
        return "private"
    return "supergroup" if str(chat).startswith(SUPERGROUP) else "group"


def user_object(person: int, language: str = "fr") -> JsonObject:
    """Return a User of the Bot API."""
    return {
        "id": abs(person),
        "is_bot": False,
        "first_name": f"Personne {abs(person)}",
        "language_code": language,
    }


def units(text: str) -> int:
    """Return the length in UTF-16 code units, in which entities are measured (MessageEntity)."""
    return len(text.encode("utf-16-le")) // 2
