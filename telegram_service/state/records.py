"""What is worth keeping in Postgres, as it travels through the journal."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, TypeAdapter

from telegram_service.state.preferences import Preferences


class Kept(BaseModel):
    """A record; `person` is whose data it is."""

    model_config = ConfigDict(frozen=True)

    person: int
    at: datetime


class Seen(Kept):
    """Somebody was here, or has become unreachable."""

    kind: Literal["seen"] = "seen"
    reachable: bool = True


class Chosen(Kept):
    """Preferences were chosen; the owner is a person or a group."""

    kind: Literal["chosen"] = "chosen"
    owner: int
    preferences: Preferences


class Said(Kept):
    """A question or an answer; the body is sealed."""

    kind: Literal["said"] = "said"
    update_id: int
    author: Literal["person", "assistant"]
    chat: int
    thread: int = 0
    body: Base64Bytes
    model: str | None = None
    due: datetime


class Judged(Kept):
    """A thumb, with or without a reason."""

    kind: Literal["judged"] = "judged"
    update_id: int
    chat: int
    thumb: Literal[-1, 1]
    reason: str | None = None


Anything = Annotated[Seen | Chosen | Said | Judged, Field(discriminator="kind")]
RECORD: TypeAdapter[Seen | Chosen | Said | Judged] = TypeAdapter(Anything)
