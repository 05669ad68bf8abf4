"""POST /v1/responses: OpenAI's newer body and events for the same answers.

A request is read as a chat completion: instructions and input items become messages. Nothing is
stored, so `previous_response_id` is refused: clients send the items of earlier turns again.
"""

from collections.abc import Sequence
from typing import Any, Literal

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict, Field, JsonValue, ValidationError

from ai_core.access.keys import Scope
from ai_core.answering.question import Mask, Question
from ai_core.api.admission import admitted
from ai_core.api.dependencies import gate_of, requester_of, resolver_of, responder_of
from ai_core.api.direct_routes import DirectRoute, json_body
from ai_core.api.openai_fields import ASSISTANT, ModelId, NullableBody
from ai_core.api.openai_messages import ContentPart, FreeText
from ai_core.api.openai_responses_format import EXAMPLES as FORMAT_EXAMPLES
from ai_core.api.openai_responses_format import ResponseObject, ResponsesSerializer
from ai_core.api.openai_routes import COMPLETION_ERRORS
from ai_core.api.openai_schemas import MAX_CHAT_MESSAGES, MAX_TOKENS, ChatCompletionRequest
from ai_core.api.openai_tools import MAX_TOOLS, FunctionDefinition, NamedFunction
from ai_core.api.openapi import ANSWER_HEADERS, RESPONSE_STREAM
from ai_core.errors import Unsupported
from shared.errors import AppError
from shared.languages import Language
from shared.web.openapi import KEY_SCHEMES, header_parameters
from shared.web.problems import InvalidFields

direct = APIRouter(prefix="/v1", tags=["OpenAI"], dependencies=KEY_SCHEMES, route_class=DirectRoute)


class InputItem(NullableBody):
    """A message, a call of an earlier answer, or the result of one; other fields are not used."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["message", "function_call", "function_call_output", "reasoning"] = "message"
    """What it is; `reasoning` is accepted and not used."""
    role: Literal["system", "developer", "user", "assistant"] | None = None
    """Who wrote a message."""
    content: FreeText | list[ContentPart] | None = None
    """The text of a message, whole or in parts."""
    call_id: str | None = Field(default=None, max_length=128)
    """Of a call and of its result."""
    name: str | None = Field(default=None, max_length=64)
    """The function of a call."""
    arguments: FreeText | None = None
    """The JSON text of a call's arguments."""
    output: FreeText | list[ContentPart] | None = None
    """The result of a call."""


class FunctionKind(NullableBody):
    """What kind of tool it is."""

    type: Literal["function"]
    """Always `function`."""


class ResponseTool(FunctionDefinition, FunctionKind):
    """A function the model may call."""


class ResponseToolChoice(NamedFunction, FunctionKind):
    """The one function that is to be called."""


class TextFormat(NullableBody):
    """The form of the answer."""

    type: Literal["text", "json_object", "json_schema"]
    """Prose, any JSON object, or JSON that follows `schema`."""
    name: str = ""
    """Accepted and not used."""
    description: str | None = None
    """Accepted and not used."""
    strict: bool | None = None
    """Accepted and not used: the schema is always followed."""
    schema_: dict[str, JsonValue] | None = Field(default=None, alias="schema")
    """The JSON Schema that the answer follows."""


class TextOptions(NullableBody):
    """How the text is written."""

    format: TextFormat | None = None
    """Form of the answer; null: prose."""
    verbosity: JsonValue = None
    """Accepted and not used."""


_UNUSED = (
    *("user", "safety_identifier", "metadata", "store", "service_tier", "moderation", "include"),
    *("prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "reasoning"),
    *("max_tool_calls", "stream_options", "access_programs", "background_options"),
)
_NEUTRAL: dict[str, tuple[object, ...]] = {
    "previous_response_id": (None,),
    "conversation": (None,),
    "background": (None, False),
    "prompt": (None,),
    "truncation": (None, "disabled"),
    "context_management": (None, []),
    "image": (None, {}),
}
"""Fields that are not supported, with the values that ask for nothing."""


def _describe(schema: dict[str, Any]) -> None:
    for name in _UNUSED:
        schema["properties"][name]["description"] = "Accepted and not used."
    for name in _NEUTRAL:
        schema["properties"][name]["description"] = (
            "Not supported: a value that asks for anything is a 400 `unsupported`."
        )


class ResponseRequest(NullableBody):
    """A request for a response."""

    model_config = ConfigDict(json_schema_extra=_describe)

    model: ModelId = ASSISTANT
    """`cdt-assistant`, which answers with the law, or a name from `GET /v1/models`."""
    input: FreeText | list[InputItem]
    """The question, or the items so far, oldest first."""
    instructions: FreeText | None = None
    """A system message before them."""
    max_output_tokens: int | None = Field(default=None, ge=1, le=MAX_TOKENS)
    """Longest answer, in tokens; null: 800."""
    temperature: float | None = Field(default=None, ge=0.0, le=2.0)
    """Sampling temperature; null: 0, unlike at OpenAI."""
    top_p: float | None = Field(default=None, gt=0.0, le=1.0)
    """Nucleus sampling: share of the probability mass to choose from; null: 1."""
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    """Number of alternatives to return with each token; null: no log-probabilities."""
    text: TextOptions | None = None
    """Form of the answer."""
    tools: list[ResponseTool] = Field(default=[], max_length=MAX_TOOLS)
    """Functions the model may call, as with `/v1/chat/completions`."""
    tool_choice: Literal["none", "auto", "required"] | ResponseToolChoice | None = None
    """Whether the model calls one."""
    parallel_tool_calls: bool = True
    """Whether several functions may be called at once."""
    stream: bool = False
    """Send the answer as server-sent events."""
    user: JsonValue = None
    safety_identifier: JsonValue = None
    metadata: JsonValue = None
    store: JsonValue = None
    service_tier: JsonValue = None
    moderation: JsonValue = None
    include: JsonValue = None
    prompt_cache_key: JsonValue = None
    prompt_cache_retention: JsonValue = None
    prompt_cache_options: JsonValue = None
    reasoning: JsonValue = None
    max_tool_calls: JsonValue = None
    stream_options: JsonValue = None
    access_programs: JsonValue = None
    background_options: JsonValue = None
    previous_response_id: JsonValue = None
    conversation: JsonValue = None
    background: JsonValue = None
    prompt: JsonValue = None
    truncation: JsonValue = None
    context_management: JsonValue = None
    image: JsonValue = None

    def texts(self) -> list[str]:
        """Return every text of the request."""
        return self._chat()[0].texts()

    def question(self, language: Language, mask: Mask) -> Question:
        """Return the request as a question. Raises what ChatCompletionRequest.question raises."""
        for name, nothing in _NEUTRAL.items():
            if getattr(self, name) not in nothing:
                raise Unsupported(f"{name} is not served", model=self.model, feature=name)
        chat, places = self._chat()
        try:
            return chat.question(language, mask)
        except AppError as error:
            raise _placed(error, places) from error

    def _chat(self) -> tuple[ChatCompletionRequest, list[str]]:
        """Return the same request for a chat completion, and where each message comes from."""
        messages, places = _messages(self.instructions, self.input)
        body: dict[str, Any] = {
            "model": self.model,
            "messages": messages[:MAX_CHAT_MESSAGES],
            "max_tokens": self.max_output_tokens,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "logprobs": None if self.top_logprobs is None else True,
            "top_logprobs": self.top_logprobs,
            "response_format": self._response_format(),
            "tools": [_tool(tool) for tool in self.tools],
            "tool_choice": _choice(self.tool_choice),
            "parallel_tool_calls": self.parallel_tool_calls,
        }
        if len(messages) > MAX_CHAT_MESSAGES:
            raise Unsupported("too many items", model=self.model, feature="input")
        try:
            return ChatCompletionRequest.model_validate(body), places
        except ValidationError as error:
            faults = error.errors(include_url=False, include_input=False)
            raise _placed(InvalidFields(faults), places) from None

    def _response_format(self) -> dict[str, Any] | None:
        form = self.text.format if self.text else None
        if form is None or form.type != "json_schema":
            return {"type": form.type} if form else None
        return {"type": form.type, "json_schema": {"schema": form.schema_ or {"type": "object"}}}


def _messages(
    instructions: str | None, items: str | Sequence[InputItem]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the messages of a request, and the field each comes from.

    Calls that follow each other are those of one answer.
    """
    messages: list[dict[str, Any]] = []
    places: list[str] = []
    if instructions:
        messages.append({"role": "system", "content": instructions})
        places.append("instructions")
    if isinstance(items, str):
        return [*messages, {"role": "user", "content": items}], [*places, "input"]
    for at, item in enumerate(items):
        message = _message(item)
        before = messages[-1] if messages else {}
        if item.type == "function_call" and before.get("role") == "assistant":
            before.setdefault("tool_calls", []).extend(message["tool_calls"])
        elif message:
            messages.append(message)
            places.append(f"input.{at}")
    return messages, places


def _message(item: InputItem) -> dict[str, Any]:
    """Return an item as a message; an empty one for reasoning."""
    match item.type:
        case "reasoning":
            return {}
        case "function_call":
            function = {"name": item.name, "arguments": item.arguments or "{}"}
            call = {"id": item.call_id, "type": "function", "function": function}
            return {"role": "assistant", "content": "", "tool_calls": [call]}
        case "function_call_output":
            return {"role": "tool", "content": _text(item.output), "tool_call_id": item.call_id}
    return {"role": item.role, "content": _content(item.content)}


def _content(content: str | list[ContentPart] | None) -> object:
    return [part.model_dump() for part in content] if isinstance(content, list) else content


def _text(output: str | list[ContentPart] | None) -> str:
    if isinstance(output, list):
        return "".join(part.text for part in output)
    return output or ""


def _tool(tool: ResponseTool) -> dict[str, Any]:
    return {"type": "function", "function": tool.model_dump(exclude={"type"})}


def _choice(choice: str | ResponseToolChoice | None) -> object:
    if isinstance(choice, ResponseToolChoice):
        return {"type": "function", "function": {"name": choice.name}}
    return choice


_RENAMED = {
    "max_tokens": "max_output_tokens",
    "response_format": "text.format",
    "json_schema": "text.format.schema",
    "tool_call_id": "call_id",
}


def _placed(error: AppError, places: Sequence[str]) -> AppError:
    """Return an error about a chat completion with the field of this request it is about."""
    field = str(error.facts.get("field", ""))
    told = _place(field, places)
    if field:
        error.facts["field"] = told
    error.faults = [
        {**fault, "field": _place(str(fault["field"]), places)} for fault in error.faults
    ]
    return error


def _place(field: str, places: Sequence[str]) -> str:
    first, *rest = [_RENAMED.get(part, part) for part in field.split(".")]
    if first == "messages" and not rest:
        return "input"
    if first == "messages" and int(rest[0]) < len(places):
        place = places[int(rest[0])]
        return place if place in {"input", "instructions"} else ".".join([place, *rest[1:]])
    if first == "tools" and rest[1:2] == ["function"]:
        rest = [rest[0], *rest[2:]]
    return ".".join([first, *rest])


@direct.post(
    "/responses",
    summary="Respond",
    response_model=ResponseObject,
    responses=RESPONSE_STREAM | COMPLETION_ERRORS,
    openapi_extra=header_parameters(*ANSWER_HEADERS),
    dependencies=[json_body(ResponseRequest)],
)
async def responses(request: Request) -> Response:
    """Answers the last item as a chat completion, in OpenAI's newer form. Key: inference.

    Nothing is stored: `previous_response_id` is a 400, and clients send the earlier items again.
    """
    caller = await gate_of(request).identify(request, Scope.INFERENCE)
    requester = requester_of(request, caller)
    texts_of = ResponseRequest.texts
    async with admitted(request, caller, ResponseRequest, texts_of, "input") as found:
        body, responder = found.body, responder_of(request)
        question = body.question(requester.language, found.mask)
        resolved = await resolver_of(request).resolve(question, requester)
        prose = question.sampling.json_schema is None
        heading = responder.sources_heading(resolved) if prose else ""
        now_s = int(request.state.clock.now().timestamp())
        sent = orjson.loads(found.content)
        serializer = ResponsesSerializer(request.state.request_id, now_s, sent, body.model, heading)
        return await responder.send(request, found, resolved, serializer, stream=body.stream)


EXAMPLES: dict[str, dict[str, Any]] = {
    "ResponseRequest": {"model": ASSISTANT, "input": "Que dit l'article L3121-27 ?"},
    **FORMAT_EXAMPLES,
}
