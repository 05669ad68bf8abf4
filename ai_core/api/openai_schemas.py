"""Request bodies of `/v1`, and their conversion to questions.

Field by field as OpenAI documents it (https://platform.openai.com/docs/api-reference). Decision
0117: null is the same as an absent field; fields that cannot change the words of an answer are
accepted and not used; those that could are accepted only with the value that asks for nothing;
unknown ones are refused, so that a misspelt one is never silently ignored.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, JsonValue, StringConstraints, field_validator

from ai_core.answering.question import (
    DEFAULT_NEW_TOKENS,
    Mask,
    Question,
    mask_here,
    require_text,
    seed_of,
)
from ai_core.api.openai_fields import ASSISTANT, ModelId, NullableBody, OpenAiBody
from ai_core.api.openai_messages import (
    FreeText,
    RequestMessage,
    require_known_calls,
    turn_of,
)
from ai_core.api.openai_tools import MAX_TOOLS, Tool, ToolChoice, tool_texts, tool_use_of
from ai_core.engines.base import ChatMessage, Sampling
from ai_core.engines.schemas.bounds import checked_schema
from ai_core.errors import Unsupported
from shared.ai.contract import StopSequence
from shared.languages import Language
from shared.web.problems import InvalidFields

MAX_EMBEDDED_TEXTS = 256
MAX_CHAT_MESSAGES = 2_048
MAX_TOKENS = 2**31 - 1
"""Clients send what their provider allows at most: it is cut to what the context has room for."""

TokenId = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,9}$")]
StopField = StopSequence | Annotated[list[StopSequence], Field(max_length=8)] | None


class StreamOptions(NullableBody):
    """What a stream holds besides the answer."""

    include_usage: bool = False
    """Send a last chunk with the tokens used."""
    include_obfuscation: bool = False
    """Accepted and not used."""


class CompletionOptions(OpenAiBody):
    """Sampling options; `top_k`, `min_p` and `repetition_penalty` are named as in vLLM."""

    n: int = Field(default=1, ge=1, le=4)
    """How many answers to write, each with a seed of its own; with `cdt-assistant` only 1."""
    max_tokens: int | None = Field(default=None, ge=1, le=MAX_TOKENS)
    """Longest answer, in tokens; null: 800. What the model's context has no room for is left out,
    and `finish_reason` is then `length`."""
    temperature: float | None = Field(default=None, ge=0.0, le=2.0)
    """Sampling temperature; null: 0, unlike at OpenAI."""
    top_p: float | None = Field(default=None, gt=0.0, le=1.0)
    """Nucleus sampling: share of the probability mass to choose from; null: 1."""
    top_k: int = Field(default=0, ge=-1, le=1_000)
    """Choose among this many most likely tokens; 0, or -1 as for vLLM and llama-server: among all
    of them. Not in OpenAI's API."""
    min_p: float = Field(default=0.0, ge=0.0, le=1.0)
    """Leave out tokens less likely than this fraction of the likeliest. Not in OpenAI's API."""
    repetition_penalty: float = Field(default=1.0, gt=0.0, le=2.0)
    """Factor by which repeated tokens become less likely; 1: none. Not in OpenAI's API."""
    presence_penalty: float = Field(default=0.0, ge=-2.0, le=2.0)
    """Subtracted from the logit of every token that the answer has so far."""
    frequency_penalty: float = Field(default=0.0, ge=-2.0, le=2.0)
    """Subtracted from a token's logit once for every time the answer has it so far."""
    logit_bias: dict[TokenId, Annotated[float, Field(ge=-100.0, le=100.0)]] = Field(
        default={}, max_length=300
    )
    """Added to the logits of tokens, by their ids in the model's own vocabulary (`/tokenize`)."""
    seed: int | None = None
    """Seed of the sampler, used above temperature 0; null: a random one."""
    stop: tuple[StopSequence, ...] = Field(default=(), max_length=8, strict=False)
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

    def require_supported(self) -> None:
        """Raise Unsupported as `OpenAiBody` does, and for several answers of the assistant."""
        super().require_supported()
        if self.n > 1 and self.model == ASSISTANT:
            raise Unsupported("its answers are the same", model=self.model, feature="n")

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
            top_k=max(0, self.top_k),
            min_p=self.min_p,
            repetition_penalty=self.repetition_penalty,
            presence_penalty=self.presence_penalty,
            frequency_penalty=self.frequency_penalty,
            logit_bias=tuple((int(token), bias) for token, bias in self.logit_bias.items()),
            seed=seed_of(None if self.seed is None else self.seed % 2**31, temperature),
            stop=self.stop,
            json_schema=schema,
            top_logprobs=top_logprobs,
        )


class JsonSchema(NullableBody):
    """A JSON Schema with its name."""

    name: str = ""
    """Accepted and not used."""
    description: str | None = None
    """Accepted and not used."""
    strict: bool | None = None
    """Accepted and not used: the schema is always followed."""
    schema_: dict[str, JsonValue] = Field(default={"type": "object"}, alias="schema")
    """The JSON Schema that the answer follows."""


class ResponseFormat(NullableBody):
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

    messages: list[RequestMessage] = Field(min_length=1, max_length=MAX_CHAT_MESSAGES)
    """The messages so far, oldest first. The last one is the question; a model other than
    `cdt-assistant` also takes a system message alone, and goes on with an assistant's message."""
    max_completion_tokens: int | None = Field(default=None, ge=1, le=MAX_TOKENS)
    """Takes precedence over `max_tokens`."""
    response_format: ResponseFormat | None = None
    """Form of the answer; null: prose."""
    logprobs: bool | None = None
    """Return the log-probability of each token."""
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    """Number of alternatives to return with each token; needs `logprobs`."""

    tools: list[Tool] = Field(default=[], max_length=MAX_TOOLS)
    """Functions the model may call, where its chat template knows any: a 400 `unsupported` where it
    does not, and for `cdt-assistant`."""
    tool_choice: ToolChoice | None = None
    """`auto` (null, the default) leaves it to the model; `required`, and a function by its name,
    make it call, with arguments that follow the schema."""
    parallel_tool_calls: bool = True
    """Whether several functions may be called at once."""

    def texts(self) -> list[str]:
        """Return the texts of each message and of the functions."""
        texts = [text for message in self.messages for text in message.texts()]
        return texts + list(tool_texts(self.tools))

    def question(self, language: Language, mask: Mask = mask_here) -> Question:
        """Return the last message as a question, personal data masked.

        Raises Unsupported for what is not served, InvalidFields when the last message is empty, or
        not the user's although the law is to be asked.
        """
        self.require_supported()
        plain = self.model != ASSISTANT
        *before, end = enumerate(self.messages)
        history = [turn_of(at, message, self.model, mask) for at, message in before]
        last = turn_of(*end, self.model, mask, whole=True)
        self._require_last(last, history)
        tool_use = tool_use_of(
            *(self.tools, self.tool_choice, mask, self.model), parallel=self.parallel_tool_calls
        )
        if tool_use and self.response_format and self.response_format.type != "text":
            raise Unsupported("not beside tools", model=self.model, feature="response_format")
        return Question(
            last.content,
            language,
            self.sampling(
                self.max_completion_tokens or self.max_tokens,
                self.response_format.schema_text if self.response_format else None,
                (self.top_logprobs or 0) if self.logprobs else None,
            ),
            history=tuple(history),
            model=self.model if plain else None,
            grounded=not plain,
            plain=plain,
            role=last.role,
            tool_use=tool_use,
            tool_call_id=last.tool_call_id,
            fallback=self.fallback,
        )

    def _require_last(self, last: ChatMessage, history: Sequence[ChatMessage]) -> None:
        """Raise InvalidFields when the last message is none to answer, Unsupported for calls."""
        at = len(history)
        if self.model == ASSISTANT and last.role != "user":
            raise InvalidFields([{"type": "last_must_be_user", "loc": ("messages",)}])
        if last.tool_calls:
            feature = f"messages.{at}.tool_calls"
            raise Unsupported("their results come first", model=self.model, feature=feature)
        require_known_calls([*history, last])
        if last.role != "tool":
            require_text(last.content, "messages", at, "content")


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
        require_text(mask(prompts[0]), "prompt")
        if self.model == ASSISTANT:
            text = mask(prompts[0]).strip()
            sampling = self.sampling(self.max_tokens, None, self.logprobs)
            return Question(text, language, sampling, fallback=self.fallback)
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
            limit = {"limit": MAX_EMBEDDED_TEXTS}
            raise InvalidFields([{"type": "texts_wanted", "loc": ("input",), "ctx": limit}])
        return texts
