"""Request bodies of `/v1`, and their conversion to questions.

Field by field as OpenAI documents it (https://platform.openai.com/docs/api-reference). An
unsupported field is accepted only with its neutral value; unknown fields are refused.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, JsonValue, StringConstraints, field_validator

from ai_core.answering.question import DEFAULT_NEW_TOKENS, Mask, Question, mask_here, seed_of
from ai_core.engines.base import ChatMessage, Sampling
from ai_core.engines.schemas.bounds import checked_schema
from ai_core.errors import Unsupported
from shared.ai.contract import (
    MAX_MESSAGES,
    MAX_NEW_TOKENS,
    MAX_PROMPT_CHARACTERS,
    Body,
    StopSequence,
)
from shared.languages import Language, language_of
from shared.web.problems import InvalidFields

ASSISTANT = "cdt-assistant"
"""The model id of the assistant with the law behind it."""
MAX_EMBEDDED_TEXTS = 256

FreeText = Annotated[
    str, StringConstraints(max_length=MAX_PROMPT_CHARACTERS, pattern=r"^[^\x00]*$")
]
Role = Literal["system", "user", "assistant"]
StopField = StopSequence | Annotated[list[StopSequence], Field(max_length=8)] | None
ModelId = Annotated[str, StringConstraints(min_length=1, max_length=128)]

NEUTRAL_VALUES: dict[str, tuple[object, ...]] = {
    "n": (None, 1),
    "best_of": (None, 1),
    "echo": (None, False),
    "suffix": (None, ""),
    "presence_penalty": (None, 0),
    "frequency_penalty": (None, 0),
    "logit_bias": (None, {}),
    "tools": (None, []),
    "functions": (None, []),
    "tool_choice": (None, "none", "auto"),
    "function_call": (None, "none", "auto"),
    "modalities": (None, ["text"]),
    "audio": (None,),
    "prediction": (None,),
    "reasoning_effort": (None,),
    "verbosity": (None,),
    "web_search_options": (None,),
    "service_tier": (None, "auto", "default"),
    "store": (None, False),
    "dimensions": (None,),
}
"""Fields of OpenAI's API that are not supported, with the values that ask for nothing."""


def _only(value: object) -> dict[str, Any]:
    """Return a JSON Schema of one value of NEUTRAL_VALUES, in words that client generators know."""
    if value is None:
        return {"type": "null"}
    if isinstance(value, dict):
        return {"type": "object", "maxProperties": 0}
    if isinstance(value, list):
        return {"type": "array", "items": {"enum": value or [""]}, "maxItems": len(value)}
    return {"const": value}


def _describe_unsupported(schema: dict[str, Any]) -> None:
    """Describe the fields of NEUTRAL_VALUES in a JSON Schema."""
    for name, nothing in NEUTRAL_VALUES.items():
        schema["properties"][name] = {
            "anyOf": [_only(value) for value in nothing],
            "description": "Not supported: any other value than these is a 400 `unsupported`.",
        }


class OpenAiBody(Body):
    """The fields every request of `/v1` may hold."""

    model_config = ConfigDict(json_schema_extra=_describe_unsupported)

    model: ModelId = ASSISTANT
    """`cdt-assistant`, which answers with the law, or a name from `GET /v1/models`."""
    user: str | None = Field(default=None, max_length=256)
    """Accepted and not used."""
    safety_identifier: str | None = Field(default=None, max_length=256)
    """Accepted and not used."""
    prompt_cache_key: str | None = Field(default=None, max_length=256)
    """Accepted and not used."""
    metadata: dict[str, str] | None = None
    """Accepted and not used."""
    parallel_tool_calls: bool | None = None
    """Accepted and not used."""
    n: JsonValue = None
    best_of: JsonValue = None
    echo: JsonValue = None
    suffix: JsonValue = None
    presence_penalty: JsonValue = None
    frequency_penalty: JsonValue = None
    logit_bias: JsonValue = None
    tools: JsonValue = None
    functions: JsonValue = None
    tool_choice: JsonValue = None
    function_call: JsonValue = None
    modalities: JsonValue = None
    audio: JsonValue = None
    prediction: JsonValue = None
    reasoning_effort: JsonValue = None
    verbosity: JsonValue = None
    web_search_options: JsonValue = None
    service_tier: JsonValue = None
    store: JsonValue = None
    dimensions: JsonValue = None

    def require_supported(self) -> None:
        """Raise Unsupported for the first unsupported field without its neutral value."""
        for name, nothing in NEUTRAL_VALUES.items():
            if getattr(self, name) not in nothing:
                raise Unsupported(f"{name} is not served", model=self.model, feature=name)


class StreamOptions(Body):
    """What a stream holds besides the answer."""

    include_usage: bool = False
    """Send a last chunk with the tokens used."""
    include_obfuscation: bool = False
    """Accepted and not used."""


class CompletionOptions(OpenAiBody):
    """Sampling options; `top_k`, `min_p` and `repetition_penalty` are named as in vLLM."""

    max_tokens: int | None = Field(default=None, ge=1, le=MAX_NEW_TOKENS)
    """Longest answer, in tokens; null: 800."""
    temperature: float | None = Field(default=None, ge=0.0, le=2.0)
    """Sampling temperature; null: 0, unlike at OpenAI."""
    top_p: float | None = Field(default=None, gt=0.0, le=1.0)
    """Nucleus sampling: share of the probability mass to choose from; null: 1."""
    top_k: int = Field(default=0, ge=0, le=1_000)
    """Choose among this many most likely tokens; 0: among all of them. Not in OpenAI's API."""
    min_p: float = Field(default=0.0, ge=0.0, le=1.0)
    """Leave out tokens less likely than this fraction of the likeliest. Not in OpenAI's API."""
    repetition_penalty: float = Field(default=1.0, gt=0.0, le=2.0)
    """Factor by which repeated tokens become less likely; 1: none. Not in OpenAI's API."""
    seed: int | None = None
    """Seed of the sampler, used above temperature 0; null: a random one."""
    stop: tuple[StopSequence, ...] = Field(default=(), max_length=8)
    """The answer ends before the first of these texts; a single text may stand alone."""
    stream: bool = False
    """Send the answer as server-sent events."""
    stream_options: StreamOptions | None = None
    """What a stream holds besides the answer."""
    fallback: Literal["extractive"] | None = None
    """Quote the law instead when the model cannot answer now, or in time. Not in OpenAI's API."""

    @field_validator("stop", mode="before", json_schema_input_type=StopField)
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        if value is None:
            return ()
        return (value,) if isinstance(value, str) else value

    @property
    def with_usage(self) -> bool:
        """Whether the stream ends with the token usage."""
        return bool(self.stream_options and self.stream_options.include_usage)

    def sampling(
        self, max_tokens: int | None, schema: str | None, top_logprobs: int | None
    ) -> Sampling:
        """Return the sampling parameters; the default temperature is 0, as in the whole API."""
        temperature = self.temperature or 0.0
        return Sampling(
            max_tokens=max_tokens or DEFAULT_NEW_TOKENS,
            temperature=temperature,
            top_p=1.0 if self.top_p is None else self.top_p,
            top_k=self.top_k,
            min_p=self.min_p,
            repetition_penalty=self.repetition_penalty,
            seed=seed_of(None if self.seed is None else self.seed % 2**31, temperature),
            stop=self.stop,
            json_schema=schema,
            top_logprobs=top_logprobs,
        )


class ContentPart(Body):
    """A part of a message."""

    type: str
    """`text`; other kinds are refused."""
    text: FreeText = ""
    """Its text."""


class RequestMessage(Body):
    """One message."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    """Who wrote it; `tool` and `function` are refused."""
    content: FreeText | list[ContentPart] | None = None
    """Its text, whole or in parts."""
    name: str | None = Field(default=None, max_length=64)
    """Accepted and not used."""
    refusal: str | None = None
    """Accepted and not used."""
    tool_calls: JsonValue = None
    """Refused unless null or empty."""
    tool_call_id: str | None = None
    """Accepted and not used."""
    function_call: JsonValue = None
    """Refused unless null or empty."""

    @property
    def text(self) -> str:
        """Return its text, of which the parts are put together."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content or ())


class JsonSchema(Body):
    """A JSON Schema with its name."""

    name: str = ""
    """Accepted and not used."""
    description: str | None = None
    """Accepted and not used."""
    strict: bool | None = None
    """Accepted and not used: the schema is always followed."""
    schema_: dict[str, JsonValue] = Field(default={"type": "object"}, alias="schema")
    """The JSON Schema that the answer follows."""


class ResponseFormat(Body):
    """The form of the answer."""

    type: Literal["text", "json_object", "json_schema"]
    """Prose, any JSON object, or JSON that follows `json_schema`."""
    json_schema: JsonSchema | None = None
    """The schema, with type `json_schema`."""

    @property
    def schema_text(self) -> str | None:
        """Return the schema the answer follows, or None for prose. Raises UnsupportedSchema."""
        if self.type == "text":
            return None
        if self.type == "json_object" or self.json_schema is None:
            return checked_schema({"type": "object"}, "json_schema")
        return checked_schema(self.json_schema.schema_, "json_schema")


class ChatCompletionRequest(CompletionOptions):
    """A request for a chat completion."""

    messages: list[RequestMessage] = Field(min_length=1, max_length=MAX_MESSAGES)
    """The messages so far, oldest first; the last one is the user's."""
    max_completion_tokens: int | None = Field(default=None, ge=1, le=MAX_NEW_TOKENS)
    """Takes precedence over `max_tokens`."""
    response_format: ResponseFormat | None = None
    """Form of the answer; null: prose."""
    logprobs: bool | None = None
    """Return the log-probability of each token."""
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    """Number of alternatives to return with each token; needs `logprobs`."""

    def texts(self) -> list[str]:
        """Return the text of each message."""
        return [message.text for message in self.messages]

    def question(self, language: Language, mask: Mask = mask_here) -> Question:
        """Return the last message as a question, personal data masked.

        Raises Unsupported for what is not served, InvalidFields when the last message is not the
        user's.
        """
        self.require_supported()
        turns = tuple(_turn(message, self.model, mask) for message in self.messages)
        *history, last = turns
        if last.role != "user":
            raise InvalidFields([{"type": "last_must_be_user", "loc": ("messages",)}])
        plain = self.model != ASSISTANT
        return Question(
            last.content,
            language_of(last.content, language),
            self.sampling(
                self.max_completion_tokens or self.max_tokens,
                self.response_format.schema_text if self.response_format else None,
                (self.top_logprobs or 0) if self.logprobs else None,
            ),
            history=tuple(history),
            model=self.model if plain else None,
            grounded=not plain,
            plain=plain,
            fallback=self.fallback,
        )


class CompletionRequest(CompletionOptions):
    """A request to continue a text."""

    prompt: FreeText | list[FreeText]
    """The text to continue; a list holds exactly one."""
    logprobs: int | None = Field(default=None, ge=0, le=5)
    """Return the log-probability of each token and of this many alternatives."""

    def texts(self) -> list[str]:
        """Return the texts to continue."""
        return [self.prompt] if isinstance(self.prompt, str) else self.prompt

    def question(self, language: Language, mask: Mask = mask_here) -> Question:
        """Return the text to continue, masked. Raises Unsupported, InvalidFields."""
        self.require_supported()
        prompts = self.texts()
        if len(prompts) != 1:
            raise InvalidFields([{"type": "one_prompt_only", "loc": ("prompt",)}])
        if self.model == ASSISTANT:
            text = mask(prompts[0]).strip()
            sampling = self.sampling(self.max_tokens, None, self.logprobs)
            return Question(text, language_of(text, language), sampling, fallback=self.fallback)
        return Question(
            mask(prompts[0]),
            language,
            self.sampling(self.max_tokens, None, self.logprobs),
            model=self.model,
            grounded=False,
            plain=True,
            raw=True,
            fallback=self.fallback,
        )


class EmbeddingRequest(OpenAiBody):
    """A request for embeddings."""

    model: ModelId = ASSISTANT
    """A model that embeds: `cdt-assistant`, the default, does not."""
    input: FreeText | list[FreeText]
    """The texts, at most 256; token ids are not accepted."""
    encoding_format: Literal["float", "base64"] = "float"
    """Vectors as numbers, or as base64 of little-endian 32-bit floats."""

    def texts(self) -> Sequence[str]:
        """Return the texts to embed. Raises Unsupported; InvalidFields for none or too many."""
        self.require_supported()
        if self.model == ASSISTANT:
            raise Unsupported("the assistant has no vectors", model=ASSISTANT, feature="embeddings")
        texts = [self.input] if isinstance(self.input, str) else self.input
        if not 1 <= len(texts) <= MAX_EMBEDDED_TEXTS or not all(texts):
            raise InvalidFields([{"type": "texts_wanted", "loc": ("input",)}])
        return texts


def _turn(message: RequestMessage, model: str, mask: Mask) -> ChatMessage:
    if message.role in {"tool", "function"} or message.tool_calls or message.function_call:
        raise Unsupported("tools are not served", model=model, feature="tools")
    parts = message.content if isinstance(message.content, list) else []
    if any(part.type not in {"text", "input_text"} for part in parts):
        raise Unsupported("only text is read", model=model, feature="messages.content")
    roles: dict[str, Role] = {"user": "user", "assistant": "assistant"}
    return ChatMessage(roles.get(message.role, "system"), mask(message.text).strip())
