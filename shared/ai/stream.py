"""Events of a streamed answer, and their parsing from server-sent events."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date

import httpx2
import orjson
from pydantic import BaseModel, TypeAdapter, ValidationError

from shared.ai.contract import Abstention, Citation
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
    conversation_id: str
    corpus_date: date | None = None
    notice: str = ""
    abstained: Abstention | None = None
    clarification: str | None = None


@dataclass(frozen=True)
class Delta:
    """The next piece of the text."""

    text: str


@dataclass(frozen=True)
class Citations:
    """The sources of the text, once it is complete."""

    items: tuple[Citation, ...]


Piece = Delta | Citations | Usage


async def server_sent_events(response: httpx2.Response) -> AsyncIterator[tuple[str, str]]:
    """Yield (event, data) of each event; `event` is empty where none is named."""
    event = ""
    data: list[str] = []
    async for line in response.aiter_lines():
        if not line:
            if data:
                yield event, "\n".join(data)
            event, data = "", []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            event = value
        elif name == "data":
            data.append(value)


def parse_event(event: str, data: str) -> Piece | None:
    """Return the parsed event; None for an unknown one.

    Raises AiUnavailable for `event: error` and for data that do not match the event's schema.
    """
    try:
        match event:
            case "":
                return Delta(str(orjson.loads(data)["delta"]))
            case "citations":
                return Citations(tuple(CITATIONS.validate_json(data)))
            case "usage":
                return Usage.model_validate_json(data)
            case "error":
                raise AiUnavailable(str(orjson.loads(data).get("code", "error")))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValidationError) as error:
        raise AiUnavailable(f"unreadable event {event or 'delta'}") from error
    return None
