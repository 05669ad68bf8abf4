"""The functions that a client of `/v1` offers, and the calls in its messages."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

import orjson
from pydantic import ConfigDict, Field, JsonValue, StringConstraints

from ai_core.answering.question import Mask
from ai_core.answering.tool_calls import forced_schema
from ai_core.api.openai_fields import ASSISTANT, NullableBody
from ai_core.engines.base import ToolCall, ToolDefinition, ToolUse
from ai_core.engines.schemas.bounds import checked_schema
from ai_core.errors import Unsupported, UnsupportedSchema
from shared.web.problems import InvalidFields

MAX_TOOLS = 64
FunctionName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
CallId = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Arguments = Annotated[str, StringConstraints(max_length=32_000)]


class FunctionDefinition(NullableBody):
    """A function."""

    name: FunctionName
    """Its name."""
    description: str = Field(default="", max_length=8_192)
    """What it does, for the model."""
    parameters: dict[str, JsonValue] = Field(default={"type": "object", "properties": {}})
    """JSON Schema of its arguments, an object; within the bounds of `response_format`."""
    strict: bool | None = None
    """Accepted and not used: a call that is required or named always follows the schema, others are
    what the model writes."""


class Tool(NullableBody):
    """A function the model may call."""

    type: Literal["function"]
    """Always `function`."""
    function: FunctionDefinition
    """The function."""


class NamedFunction(NullableBody):
    """The function to call."""

    name: FunctionName
    """Its name."""


class NamedTool(NullableBody):
    """The one function that is to be called."""

    type: Literal["function"]
    """Always `function`."""
    function: NamedFunction
    """The function."""


ToolChoice = Literal["none", "auto", "required"] | NamedTool


class CalledFunction(NullableBody):
    """A function, and what it is called with."""

    model_config = ConfigDict(extra="ignore")

    name: FunctionName
    """Its name."""
    arguments: Arguments
    """The JSON text of an object."""


class RequestToolCall(NullableBody):
    """A call in an earlier answer."""

    model_config = ConfigDict(extra="ignore")

    id: CallId
    """Its id, which the message with its result names."""
    type: Literal["function"] = "function"
    """Always `function`."""
    function: CalledFunction
    """What was called."""

    def texts(self) -> Iterator[str]:
        """Yield the texts in its arguments."""
        yield from _texts_in(_parsed(self.function.arguments))

    def read(self, mask: Mask, *where: str | int) -> ToolCall:
        """Return the call, its texts masked; raises InvalidFields where there is no object."""
        arguments = _parsed(self.function.arguments)
        if not isinstance(arguments, dict):
            loc = (*where, "function", "arguments")
            raise InvalidFields([{"type": "string_pattern_mismatch", "loc": loc}])
        masked = json.dumps(_masked(arguments, mask), ensure_ascii=False)
        return ToolCall(self.id, self.function.name, masked)


def tool_texts(tools: Sequence[Tool]) -> Iterator[str]:
    """Yield the texts in functions that a caller wrote."""
    for tool in tools:
        yield tool.function.description
        yield from _texts_in(tool.function.parameters)


def tool_use_of(
    tools: Sequence[Tool], choice: ToolChoice | None, mask: Mask, model: str, *, parallel: bool
) -> ToolUse | None:
    """Return the functions a model may call; None for none.

    Raises Unsupported for the assistant, and for a choice that no function fits; UnsupportedSchema.
    """
    named = choice.function.name if isinstance(choice, NamedTool) else ""
    if not tools or choice == "none":
        if named or choice == "required":
            raise Unsupported("there is no such function", model=model, feature="tool_choice")
        return None
    if model == ASSISTANT:
        raise Unsupported("the assistant calls nothing", model=model, feature="tools")
    read = [_definition(at, tool, mask) for at, tool in enumerate(tools)]
    wanted = [one for one in read if named in {"", one.name}]
    if not wanted:
        raise Unsupported("there is no such function", model=model, feature="tool_choice")
    if not named and choice != "required":
        return ToolUse(tuple(read), parallel=parallel)
    several = parallel and not named
    functions = [(one.name, json.loads(one.parameters)) for one in wanted]
    schema = orjson.dumps(forced_schema(functions, several=several)).decode()
    kind: Literal["named", "required"] = "named" if named else "required"
    return ToolUse(tuple(read), kind, named, several, schema)


def _definition(at: int, tool: Tool, mask: Mask) -> ToolDefinition:
    function, where = tool.function, f"tools.{at}.function.parameters"
    if function.parameters.get("type", "object") != "object":
        raise UnsupportedSchema("value", field=where)
    masked = _masked(function.parameters, mask)
    schema = checked_schema({"type": "object", **masked}, where)
    return ToolDefinition(function.name, mask(function.description), schema)


def _parsed(arguments: str) -> Any:
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        return None


def _texts_in(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for one in value:
                yield from _texts_in(one)
        case dict():
            for one in value.values():
                yield from _texts_in(one)


def _masked(value: Any, mask: Mask) -> Any:
    """Return a JSON value with its texts masked; names stay as they are."""
    match value:
        case str():
            return mask(value)
        case list():
            return [_masked(one, mask) for one in value]
        case Mapping():
            return {name: _masked(one, mask) for name, one in value.items()}
    return value
