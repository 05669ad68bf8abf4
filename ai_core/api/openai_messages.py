"""The messages of `/v1`, as clients write them and send them back."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue, StringConstraints

from ai_core.answering.question import Mask
from ai_core.api.openai_fields import ASSISTANT, NullableBody
from ai_core.api.openai_tools import MAX_TOOLS, CallId, RequestToolCall
from ai_core.engines.base import ChatMessage, Role
from ai_core.errors import Unsupported
from shared.ai.contract import MAX_PROMPT_CHARACTERS
from shared.web.problems import InvalidFields

FreeText = Annotated[
    str, StringConstraints(max_length=MAX_PROMPT_CHARACTERS, pattern=r"^[^\x00]*$")
]


class ContentPart(NullableBody):
    """A part of a message; other fields of it are not used."""

    model_config = ConfigDict(extra="ignore")

    type: str
    """`text`, `input_text`, `output_text` or `refusal`; other kinds are refused."""
    text: FreeText = ""
    """Its text."""
    refusal: FreeText = ""
    """Its text, of type `refusal`."""


class RequestMessage(NullableBody):
    """One message, as its author or this API wrote it."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    """Who wrote it; `tool`: the result of a call, for models that take functions; `function` is
    refused."""
    content: FreeText | list[ContentPart] | None = None
    """Its text, whole or in parts."""
    name: JsonValue = None
    """Accepted and not used."""
    refusal: JsonValue = None
    """Accepted and not used."""
    annotations: JsonValue = None
    """Accepted and not used."""
    reasoning_content: JsonValue = None
    """Accepted and not used: an earlier answer is read without its reasoning."""
    reasoning: JsonValue = None
    """Accepted and not used."""
    audio: JsonValue = None
    """Refused unless null."""
    tool_calls: list[RequestToolCall] = Field(default=[], max_length=MAX_TOOLS)
    """The calls of an earlier answer."""
    tool_call_id: CallId | None = None
    """Whose result this is, with role `tool`."""
    function_call: JsonValue = None
    """Refused unless null or empty."""

    @property
    def text(self) -> str:
        """Return its text, of which the parts are put together."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text or part.refusal for part in self.content or ())

    def texts(self) -> Iterator[str]:
        """Yield its text, and the texts in its calls."""
        yield self.text
        for call in self.tool_calls:
            yield from call.texts()


TEXT_PARTS = {"text", "input_text", "output_text", "refusal"}
ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "tool": "tool"}


def turn_of(
    at: int, message: RequestMessage, model: str, mask: Mask, *, whole: bool = False
) -> ChatMessage:
    """Return a message as a model reads it. Raises Unsupported, which names what it cannot read.

    Surrounding white space is stripped, unless the `whole` text is an answer to go on with.
    """
    where = f"messages.{at}"
    if message.role == "function" or (message.role == "tool" and model == ASSISTANT):
        raise Unsupported("no functions are called", model=model, feature=f"{where}.role")
    for name in ("tool_calls", "function_call", "audio"):
        if getattr(message, name) and (name != "tool_calls" or model == ASSISTANT):
            raise Unsupported(f"{name} are not served", model=model, feature=f"{where}.{name}")
    parts = message.content if isinstance(message.content, list) else []
    for number, part in enumerate(parts):
        if part.type not in TEXT_PARTS:
            feature = f"{where}.content.{number}.type"
            raise Unsupported("only text is read", model=model, feature=feature)
    role = ROLES.get(message.role, "system")
    text = mask(message.text)
    if not (whole and role == "assistant"):
        text = text.strip()
    calls = [
        call.read(mask, "messages", at, "tool_calls", number)
        for number, call in enumerate(message.tool_calls)
    ]
    id = message.tool_call_id or ""
    return ChatMessage(
        role,
        text,
        tool_calls=tuple(calls) if role == "assistant" else (),
        tool_call_id=id if role == "tool" else "",
    )


def require_known_calls(turns: Sequence[ChatMessage]) -> None:
    """Raise InvalidFields for a result of a call that no turn before it has made."""
    made: set[str] = set()
    for at, turn in enumerate(turns):
        made |= {call.id for call in turn.tool_calls}
        if turn.role == "tool" and turn.tool_call_id not in made:
            loc = ("messages", at, "tool_call_id")
            raise InvalidFields([{"type": "string_pattern_mismatch", "loc": loc}])
