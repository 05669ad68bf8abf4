"""What a channel delivers, as far as the queue needs to know it."""

from dataclasses import dataclass
from typing import Literal

from telegram_service.addresses import ChannelName, ChatId
from telegram_service.queue.command_text import command_of

CONTROL_COMMANDS = ("stop", "reset", "help", "status")
"""Commands that overtake waiting questions."""
ASKING_BUTTONS = ("v1|ask|", "v1|doc|")
"""Beginnings of the data of buttons that ask: they wait their turn like messages."""

Lane = Literal["message", "edit", "control"]
"""An edit replaces its message where that one still waits; control overtakes both."""


@dataclass(frozen=True)
class Event:
    """What a channel delivers, as far as the queue needs to know it.

    `event_id` is the channel's own, the same when it delivers again; `message_id` where the channel
    numbers the messages of a chat.
    """

    channel: ChannelName
    event_id: str
    chat: ChatId
    message_id: int | None = None
    lane: Lane = "message"


def overtakes(text: str) -> bool:
    """Whether a text is a command of the control lane, with or without the bot's name."""
    command = command_of(text)
    return command is not None and command.name in CONTROL_COMMANDS


def waits_its_turn(data: str) -> bool:
    """Whether a button asks a question, which does not overtake others."""
    return data.startswith(ASKING_BUTTONS)
