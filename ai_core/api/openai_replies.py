"""Reply schemas of `/v1` for the OpenAPI document; response_formats.py writes the bodies.

Field by field as OpenAI documents them (https://platform.openai.com/docs/api-reference).
"""

from datetime import date
from typing import Any, Literal

from ai_core.api.openai_fields import ASSISTANT
from shared.ai import examples
from shared.ai.contract import Abstention, Citation, Reply


class ErrorObject(Reply):
    """What went wrong."""

    message: str
    """A sentence in the language `Accept-Language` asks for."""
    type: str
    """OpenAI's kind of error, such as `invalid_request_error`."""
    param: str | None
    """The field at fault; null when there is none."""
    code: str
    """Stable name of the error, as under `/api/v1`; `model_not_found` for an unknown model."""
    request_id: str
    """Identifies the request in the operator's logs."""


class ErrorDocument(Reply):
    """An error, as OpenAI's API writes it."""

    error: ErrorObject
    """The error."""


class ModelObject(Reply):
    """A model."""

    id: str
    """Name to use as `model`."""
    object: Literal["model"]
    """Always `model`."""
    created: int
    """Always 0."""
    owned_by: str
    """Always `code-du-travail-neo`."""


class ModelList(Reply):
    """The models."""

    object: Literal["list"]
    """Always `list`."""
    data: list[ModelObject]
    """`cdt-assistant` first."""


class TokenUsage(Reply):
    """Tokens of a request."""

    prompt_tokens: int
    """Tokens of the prompt."""
    completion_tokens: int
    """Tokens of the answer."""
    total_tokens: int
    """Both together."""


class TokenLogprob(Reply):
    """A token and its probability."""

    token: str
    """Text of the token."""
    logprob: float
    """Natural logarithm of its probability."""
    bytes: list[int]
    """Its bytes, which may be part of a character: `token` then shows U+FFFD."""


class ChosenTokenLogprob(TokenLogprob):
    """A token of the answer, and its alternatives."""

    top_logprobs: list[TokenLogprob]
    """The most likely tokens at this place, most likely first."""


class ChatLogprobs(Reply):
    """Log-probabilities of an answer."""

    content: list[ChosenTokenLogprob]
    """One entry for each token."""
    refusal: None
    """Always null."""


class FunctionCall(Reply):
    """A function, and what to call it with."""

    name: str
    """Its name."""
    arguments: str
    """The JSON text of an object."""


class MessageToolCall(Reply):
    """A call of a function."""

    id: str
    """Its id, to send back with the result."""
    type: Literal["function"]
    """Always `function`."""
    function: FunctionCall
    """What to call."""


class AssistantMessage(Reply):
    """The answer."""

    role: Literal["assistant"]
    """Always `assistant`."""
    content: str | None
    """Its text; that of `cdt-assistant` ends with the list of its sources. Null for calls alone."""
    refusal: None
    """Always null."""
    reasoning_content: str | None = None
    """What the model thought before it answered; absent where it did not. Not in OpenAI's API."""
    tool_calls: list[MessageToolCall] | None = None
    """The functions to call; absent where there are none."""


class ChatChoice(Reply):
    """The one answer there is."""

    index: int
    """Always 0."""
    message: AssistantMessage
    """The message."""
    logprobs: ChatLogprobs | None
    """Null unless asked for."""
    finish_reason: Literal["stop", "length", "content_filter"]
    """`length` when `max_tokens` or the context ended the answer, or it repeated itself and was
    stopped; `content_filter` when the server of a remote model withheld the rest."""


class Sourced(Reply):
    """What is added to a completion: `masked` for every model, the rest for `cdt-assistant`."""

    answered_by: str | None = None
    """The model that wrote the answer."""
    citations: list[Citation] | None = None
    """The sources of the answer."""
    abstained: Abstention | None = None
    """Set when the question is not answered."""
    corpus_date: date | None = None
    """Publication date of the law the answer rests on."""
    notice: str | None = None
    """What an AI's answer is worth: information, not legal advice."""
    masked: dict[str, int] | None = None
    """Personal data masked in the last message, counted by kind; absent when there was none."""
    masked_notice: str | None = None
    """The same in a sentence; absent when there was none."""


class ChatCompletion(Sourced):
    """A chat completion."""

    id: str
    """`chatcmpl-` and the request's id."""
    object: Literal["chat.completion"]
    """Always `chat.completion`."""
    created: int
    """Unix time in seconds."""
    model: str
    """The model that was asked."""
    choices: list[ChatChoice]
    """Exactly one."""
    usage: TokenUsage
    """Tokens of the request."""


class TextLogprobs(Reply):
    """Log-probabilities of a completion, token by token."""

    tokens: list[str]
    """Texts of the tokens; one that holds part of a character is `bytes:\\xe2\\x82`."""
    token_logprobs: list[float]
    """Natural logarithm of the probability of each."""
    top_logprobs: list[dict[str, float]]
    """The alternatives to each."""
    text_offset: list[int]
    """Where each begins, in characters."""


class TextChoice(Reply):
    """The one completion there is."""

    index: int
    """Always 0."""
    text: str
    """The text that follows the prompt."""
    logprobs: TextLogprobs | None
    """Null unless asked for."""
    finish_reason: Literal["stop", "length", "content_filter"]
    """`length` when `max_tokens` or the context ended the text, or when it repeated itself and was
    stopped; `content_filter` when the server of a remote model withheld the rest."""


class Completion(Sourced):
    """A completion."""

    id: str
    """`cmpl-` and the request's id."""
    object: Literal["text_completion"]
    """Always `text_completion`."""
    created: int
    """Unix time in seconds."""
    model: str
    """The model that was asked."""
    choices: list[TextChoice]
    """Exactly one."""
    usage: TokenUsage
    """Tokens of the request."""


class EmbeddingUsage(Reply):
    """Tokens of the texts."""

    prompt_tokens: int
    """Their number."""
    total_tokens: int
    """The same."""


class Embedding(Reply):
    """The vector of one text."""

    object: Literal["embedding"]
    """Always `embedding`."""
    index: int
    """Which of the texts, from 0."""
    embedding: list[float] | str
    """The vector: numbers, or base64 of little-endian 32-bit floats."""


class EmbeddingList(Reply):
    """The vectors of some texts."""

    object: Literal["list"]
    """Always `list`."""
    model: str
    """The model that was asked."""
    data: list[Embedding]
    """One for each text, in their order."""
    usage: EmbeddingUsage
    """Tokens of the request."""


USAGE = {"prompt_tokens": 12, "completion_tokens": 43, "total_tokens": 55}
REQUEST_ID = "4f0c2a9d8e1b47c6a35d9f7e2b801c64"
CREATED = 1775117730
MODEL = {"id": ASSISTANT, "object": "model", "created": 0, "owned_by": "code-du-travail-neo"}
QUESTION = "Quelle est la durée du préavis en cas de démission ?"
EXAMPLES: dict[str, dict[str, Any]] = {
    "ModelObject": MODEL,
    "ModelList": {"object": "list", "data": [MODEL]},
    "ChatCompletionRequest": {
        "model": ASSISTANT,
        "messages": [{"role": "user", "content": QUESTION}],
    },
    "ChatCompletion": {
        "id": f"chatcmpl-{REQUEST_ID}",
        "created": CREATED,
        "object": "chat.completion",
        "model": ASSISTANT,
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": f"{examples.QUOTE}\n\nSources :\n[1] {examples.NUMBER}",
                    "refusal": None,
                },
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": USAGE,
        "answered_by": "extractive",
        "citations": [examples.SOURCE],
        "abstained": None,
        "corpus_date": "2026-03-27",
        "notice": examples.NOTICE,
    },
    "CompletionRequest": {"model": "qwen3-4b", "prompt": "Le préavis de démission dure"},
    "Completion": {
        "id": f"cmpl-{REQUEST_ID}",
        "created": CREATED,
        "object": "text_completion",
        "model": "qwen3-4b",
        "choices": [{"index": 0, "text": " un mois.", "logprobs": None, "finish_reason": "length"}],
        "usage": USAGE,
    },
    "EmbeddingRequest": {"model": "e5-small", "input": [QUESTION]},
    "EmbeddingList": {
        "object": "list",
        "model": "e5-small",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.12, -0.07, 0.31]}],
        "usage": {"prompt_tokens": 14, "total_tokens": 14},
    },
}
"""An example of each body of `/v1` by the name of its model."""
