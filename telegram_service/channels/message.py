"""Messages on their way out, whatever the channel."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from telegram_service.addresses import MessageId


class Entity(BaseModel):
    """A formatted stretch of text; offset and length in UTF-16 units."""

    model_config = ConfigDict(frozen=True)

    type: str
    offset: int
    length: int
    url: str | None = None
    language: str | None = None


class Button(BaseModel):
    """A button under a message: it opens `url`, or sends `data` (64 bytes) back."""

    model_config = ConfigDict(frozen=True)

    label: str
    data: str | None = None
    url: str | None = None


Rows = tuple[tuple[Button, ...], ...]


@dataclass(frozen=True)
class FoldedText:
    """Markdown in three parts; the middle one is folded until somebody opens it."""

    head: str
    folded: str = ""
    tail: str = ""
    cut: str = ""
    """Said where the folded part is cut, to keep one message; empty: it is never cut."""


class OutgoingMessage(BaseModel):
    """One message to send."""

    model_config = ConfigDict(frozen=True)

    text: str
    entities: tuple[Entity, ...] = ()
    buttons: Rows = ()
    reply_to: MessageId | None = None
