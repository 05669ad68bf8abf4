"""The frames that clients of `/api/v1/ws` send (docs/websocket.md): JSON objects with a `type`."""

from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from ai_core.api.dependencies import MAX_DEADLINE_MS
from shared.errors import MalformedBody
from shared.languages import Language
from shared.web.problems import InvalidFields

AnswerId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{22,64}$")]
"""Chosen by the client: at least 128 random bits, as whoever knows it can resume the answer."""
EventId = Annotated[int, Field(ge=0, le=1_000_000)]


class Frame(BaseModel):
    """A frame of a client; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Authenticate(Frame):
    """The API key, where the handshake has no header for it; `language` is that of messages.

    `channel` is what `X-Channel` says over HTTP.
    """

    type: Literal["authenticate"]
    key: str = Field(max_length=256)
    language: Language | None = None
    channel: Literal["widget"] | None = None


class Ask(Frame):
    """A question; sent again with the id of an answer, it resumes that one `after` an event."""

    type: Literal["question"]
    answer: AnswerId
    request: dict[str, Any]
    after: EventId = 0
    deadline_ms: int | None = Field(default=None, ge=1, le=MAX_DEADLINE_MS)


class Resume(Frame):
    """The frames of an answer after the event `after`."""

    type: Literal["resume"]
    answer: AnswerId
    after: EventId = 0


class Stop(Frame):
    """The end of an answer that is being written."""

    type: Literal["stop"]
    answer: AnswerId


class Feedback(Frame):
    """What POST /api/v1/feedback takes."""

    type: Literal["feedback"]
    ref: str = Field(default="", max_length=64)
    feedback: dict[str, Any]


class Ping(Frame):
    """Answered by a pong; keeps the connection from being idle."""

    type: Literal["ping"]


ClientFrame = Authenticate | Ask | Resume | Stop | Feedback | Ping
FRAMES: TypeAdapter[ClientFrame] = TypeAdapter(Annotated[ClientFrame, Field(discriminator="type")])


def parse_frame(text: str) -> ClientFrame:
    """Return a client's frame. Raises MalformedBody, InvalidFields."""
    try:
        sent = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise MalformedBody from None
    try:
        return FRAMES.validate_python(sent)
    except ValidationError as error:
        raise InvalidFields(error.errors(include_url=False, include_input=False), sent) from None
