"""Ids of chats and messages across the channels, and where an answer goes.

A person's private chat has the person's id on every channel. Telegram's ids are its own numbers;
`line:U…` is a person, `line:C…` a group and `line:R…` a room of LINE; `whatsapp:…` a WhatsApp id.
"""

from dataclasses import dataclass
from typing import Literal, get_args

ChannelName = Literal["telegram", "line", "whatsapp"]
CHANNEL_NAMES: tuple[ChannelName, ...] = get_args(ChannelName)
ChatId = int | str
MessageId = int | str

LINE_GROUPS = ("line:C", "line:R")


def channel_of(chat: ChatId) -> ChannelName:
    """Return the channel a chat is on."""
    if isinstance(chat, str):
        prefix = chat.partition(":")[0]
        return next((name for name in CHANNEL_NAMES if name == prefix), "telegram")
    return "telegram"


def is_private(chat: ChatId) -> bool:
    """Return whether an id is of a person, whose private chat has the same."""
    if isinstance(chat, str):
        return not chat.startswith(LINE_GROUPS)
    return chat > 0


@dataclass(frozen=True)
class ChatAddress:
    """Where to write: a chat and, in a forum, its thread.

    `reply_token` is what LINE gives to answer one event with, once and soon after `received_ms`.
    """

    chat: ChatId
    thread: int | None = None
    private: bool = True
    reply_token: str = ""
    received_ms: int = 0
