"""The records of the journal, on their way to Postgres."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, TypeAdapter

from telegram_service.addresses import ChatId
from telegram_service.state.preferences import Preferences


class JournalRecord(BaseModel):
    """A record; `person` is whose data it is."""

    model_config = ConfigDict(frozen=True)

    person: ChatId
    at: datetime


class PersonSeen(JournalRecord):
    """A person wrote; or a chat, a person's or a group's, has become unreachable or come back."""

    kind: Literal["seen"] = "seen"
    reachable: bool = True


class PreferencesChosen(JournalRecord):
    """Preferences were chosen; the owner is a person or a group."""

    kind: Literal["preferences"] = "preferences"
    owner: ChatId
    preferences: Preferences


class MessageRecorded(JournalRecord):
    """A question or an answer; the body is encrypted."""

    kind: Literal["message"] = "message"
    update_id: int
    author: Literal["person", "assistant"]
    chat: ChatId
    thread: int = 0
    body: Base64Bytes
    model: str | None = None
    due: datetime


class FeedbackGiven(JournalRecord):
    """A thumb, with or without a reason; `answer_id` names the answer to ai_core."""

    kind: Literal["feedback"] = "feedback"
    update_id: int
    chat: ChatId
    thumb: Literal[-1, 1]
    reason: str | None = None
    answer_id: str | None = None


Record = PersonSeen | PreferencesChosen | MessageRecorded | FeedbackGiven
RECORD: TypeAdapter[Record] = TypeAdapter(Annotated[Record, Field(discriminator="kind")])
