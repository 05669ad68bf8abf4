"""The events of a streamed answer."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from pydantic import BaseModel, TypeAdapter, ValidationError

from shared.ai.contract import (
    Abstention,
    AgreementTaken,
    AnswerSection,
    Citation,
    Clarification,
    Profile,
)
from shared.errors import Unavailable

CITATIONS = TypeAdapter(list[Citation])


class AiUnavailable(Unavailable):
    """ai_core does not answer."""

    code = "ai_unavailable"


class Usage(BaseModel):
    """The end of a streamed answer; fields as in `ChatReply`."""

    model: str
    tokens_used: int
    processing_time: float
    conversation_id: str | None = None
    corpus_date: date | None = None
    notice: str = ""
    abstained: Abstention | None = None
    clarification: Clarification | None = None
    profile: Profile = Profile()
    agreement: AgreementTaken | None = None
    summary: str = ""
    sections: list[AnswerSection] = []
    suggestions: list[str] = []
    confidence: Literal["high", "medium", "low", "none"] | None = None
    language: str = "fr"
    answer_id: str = ""


@dataclass(frozen=True)
class Delta:
    """The next piece of the text."""

    text: str


@dataclass(frozen=True)
class Citations:
    """The sources of the text, once it is complete."""

    items: tuple[Citation, ...]


class Queued(BaseModel):
    """Who waits for the model: how many questions are before this one, and for how many seconds.

    `wait_s` is None until the model's speed was measured.
    """

    position: int
    wait_s: float | None = None


Piece = Delta | Citations | Usage | Queued


class _TextEvent(BaseModel):
    delta: str


class _ErrorEvent(BaseModel):
    code: str = "error"


def parse_event(event: str, data: str) -> Piece | None:
    """Return the parsed event; None for an unknown one. `event` is `message` where none is named.

    Raises AiUnavailable for `event: error` and for data that do not match the event's schema.
    """
    try:
        match event:
            case "message":
                return Delta(_TextEvent.model_validate_json(data).delta)
            case "citations":
                return Citations(tuple(CITATIONS.validate_json(data)))
            case "queue":
                return Queued.model_validate_json(data)
            case "usage":
                return Usage.model_validate_json(data)
            case "error":
                raise AiUnavailable(_ErrorEvent.model_validate_json(data).code)
    except ValidationError as error:
        raise AiUnavailable(f"unreadable event {event}") from error
    return None
