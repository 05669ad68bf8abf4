"""What every channel gives the bot: read an event, write a message once, show a sign of life."""

from collections.abc import Sequence
from enum import Enum
from typing import Literal, Protocol

from telegram_service.addresses import ChannelName, ChatAddress, ChatId, MessageId
from telegram_service.channels.message import FoldedText, OutgoingMessage, Rows
from telegram_service.channels.update import Update

Preview = Literal["draft", "edit", "typing"]


class Priority(Enum):
    """Tokens a call leaves in the buckets of bot and chat, and whether it waits for its own."""

    FINAL = (0, 0, True)
    REPLY = (1, 0, True)
    PREVIEW = (5, 2, False)
    """Drafts and edits while an answer is written: dropped when the buckets are low."""

    @property
    def waits(self) -> bool:
        """Whether the call waits for tokens rather than being dropped."""
        return self.value[2]


class Channel(Protocol):
    """A service people write from.

    Calls that reach it raise Unreachable, ChatMoved, RateLimited, ChannelRefused, ChannelLost, and
    RedisUnavailable when the rate limits cannot be read. Where `edits` is false nothing of ours can
    be changed once it is sent: `edit` and `set_buttons` raise ChannelRefused.
    """

    @property
    def name(self) -> ChannelName:
        """Return the channel's name."""
        ...

    @property
    def account(self) -> str:
        """Return the id of our own account on the channel."""
        ...

    @property
    def bot_name(self) -> str:
        """Return the name a command may be addressed to, after an `@`; empty: there is none."""
        ...

    @property
    def edits(self) -> bool:
        """Return whether a message of ours can be changed."""
        ...

    @property
    def folds(self) -> bool:
        """Return whether a part of a message can be folded until somebody opens it."""
        ...

    @property
    def sends_files(self) -> bool:
        """Return whether `send_file` sends a file, rather than its text as messages."""
        ...

    def parse(self, payload: bytes, update_id: int) -> Update:
        """Return what an event says. Raises ValidationError."""
        ...

    def origin(self, payload: bytes) -> tuple[ChatId | None, ChatId | None]:
        """Return the chat and the sender of an event that `parse` may refuse, as far as it goes.

        Raises ValueError, KeyError, TypeError, AttributeError.
        """
        ...

    def compose(
        self, text: FoldedText, buttons: Rows = (), reply_to: MessageId | None = None
    ) -> Sequence[OutgoingMessage]:
        """Return the messages that carry a text, within the channel's limits; buttons last."""
        ...

    def preview(self, address: ChatAddress) -> Preview:
        """Return how an answer in the making is shown in a chat."""
        ...

    async def language(self, person: ChatId) -> str:
        """Return the tag of the language of a person's app where no event says it, or nothing."""
        ...

    async def mark(self, address: ChatAddress) -> str:
        """Return what `find` is to know of the moment before a message is sent."""
        ...

    async def find(
        self, address: ChatAddress, message: OutgoingMessage, mark: str, key: str
    ) -> int | None:
        """Return the number of a message that was sent, as `send` does, after a crash.

        None: it was not sent, or `send` with the same key does not send it twice.
        """
        ...

    async def send(
        self, address: ChatAddress, message: OutgoingMessage, priority: Priority, key: str
    ) -> int:
        """Send a message; return its number in the chat, 0 where messages of ours have none.

        `key` names the message, the same however often it is tried.
        """
        ...

    async def send_file(
        self, address: ChatAddress, name: str, content: bytes, caption: str, key: str
    ) -> int:
        """Send a document; return its number, as `send`."""
        ...

    async def edit(
        self, address: ChatAddress, message_id: MessageId, message: OutgoingMessage,
        priority: Priority,
    ) -> bool:  # fmt: skip
        """Replace a message of ours; idempotent. False when the call was dropped."""
        ...

    async def set_buttons(
        self, address: ChatAddress, message_id: MessageId, message: OutgoingMessage
    ) -> None:
        """Change the buttons under a message of ours; idempotent."""
        ...

    async def draft(self, address: ChatAddress, draft_id: int, text: str) -> bool:
        """Show a text that is being written; false when the call was dropped."""
        ...

    async def typing(self, address: ChatAddress, message_id: MessageId) -> bool:
        """Show that an answer to a message is being written; false when the call was dropped."""
        ...

    async def answer_press(self, press_id: str, text: str = "") -> bool:
        """Acknowledge a button; false where the channel shows no text for it."""
        ...

    async def download(self, file_id: str, max_bytes: int) -> bytes:
        """Return what a person sent. Raises TooLarge."""
        ...

    async def is_admin(self, address: ChatAddress, person: ChatId) -> bool:
        """Return whether a person may change the settings of a group."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...
