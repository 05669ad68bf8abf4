"""The contract of an inference engine, as the web process uses it.

Nothing here blocks: an engine with weights runs in a child process (`process`) or on another host
(`remote`), and every call that leaves this process has a time limit.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

from ai_core.law.records import Confidence, Passage
from shared.languages import Language

Role = Literal["system", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "repetition", "content_filter"]
"""Why an answer ended: by itself or at a stop sequence; at its limit; because it repeated itself
(`decoding/repetition.py`); because the server of a remote model withheld the rest."""


CALL_ID = "\ufdd3"
"""A noncharacter, which no text is interchanged with (Unicode 16, 23.7)."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function that a model calls; `arguments` is the JSON text of an object."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """A function that a model may call; `parameters` is the text of a checked JSON schema."""

    name: str
    description: str
    parameters: str


@dataclass(frozen=True, slots=True)
class ToolUse:
    """The functions a model may call (OpenAI's tools).

    `choice` is "auto", "none", "required", or the `name` of the one to call. `parallel`: several
    may be called at once. `schema` is that of an answer that can only be calls, None for "auto".
    """

    tools: tuple[ToolDefinition, ...]
    choice: Literal["auto", "none", "required", "named"] = "auto"
    name: str = ""
    parallel: bool = True
    schema: str | None = None


@dataclass(frozen=True, slots=True)
class ToolCallFormat:
    """How a model writes calls, as its chat template does: opening, name, `between`, arguments.

    `separator` is what stands between the arguments of one call and the name of the next; None
    where there is only one. `native`: a server tells calls apart from the text itself.
    `arguments_as_text`: the template wants them as text, not as an object. CALL_ID stands where a
    call has an id of its own.
    """

    opening: str
    between: str
    separator: str | None = None
    native: bool = False
    arguments_as_text: bool = False


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message, as a model's chat template takes it.

    Its first `cacheable_chars` characters were written by the operator (rules, law text). Only they
    may enter the prefix cache, which callers share; what a caller wrote never does. An assistant's
    message may hold calls; a tool's message is the result of the call `tool_call_id`.
    """

    role: Role
    content: str
    cacheable_chars: int = 0
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What an engine answers from: the messages, and the passages they rest on, best first.

    A language model reads `messages`, in which the passages are already written out, or `raw` text
    without a chat template when it is not None; the extractive engine quotes `passages` to answer
    `question`, and quotes in full the articles whose numbers the question names
    (`named_articles`). `confidence` tells how surely the passages decide. `told` is what was said
    with the words that name an agreement, which `question` lacks; empty: they are the same.
    """

    messages: tuple[ChatMessage, ...]
    question: str
    passages: tuple[Passage, ...]
    language: Language
    named_articles: tuple[str, ...] = ()
    raw: str | None = None
    told: str = ""
    confidence: Confidence = Confidence.MEDIUM
    tool_use: ToolUse | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Sampling parameters; temperature 0 is greedy, hence deterministic.

    `top_k` 0, `min_p` 0, `repetition_penalty` 1 and the other penalties 0 have no effect.
    `logit_bias` holds tokens of the model and what is added to their logits. `json_schema` is the
    text of a JSON schema the answer must follow. `top_logprobs` asks for the log-probability of
    each token and of that many alternatives; None asks for none.
    """

    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: tuple[tuple[int, float], ...] = ()
    seed: int = 0
    stop: tuple[str, ...] = ()
    json_schema: str | None = None
    top_logprobs: int | None = None


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token's bytes, the natural logarithm of its probability, and the likeliest alternatives.

    A token may begin or end inside a character, so it has bytes and not always a text.
    """

    token: bytes
    logprob: float
    top: tuple[tuple[bytes, float], ...] = ()


class AnswerPart(StrEnum):
    """A part of an answer: the summary, or the section of that kind below it.

    CALCULATION is what a calculator gives, MODEL what a small model adds to an answer that quotes.
    """

    SUMMARY = "summary"
    CALCULATION = "calculation"
    CONDITIONS = "conditions"
    STEPS = "steps"
    SOURCES = "sources"
    NEAREST = "nearest"
    HELP = "help"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class TextChunk:
    """A part of the answer and the number of tokens generated for it.

    The first chunk also carries the prompt's length (`prompt_tokens`) and how many of those tokens
    were in the prefix cache (`cached_tokens`); the last one carries `finish_reason`. `reasoning` is
    what the model thinks before it answers, where a server keeps that apart. `part` is where the
    text belongs; None where the engine does not say.
    """

    text: str
    tokens: int
    prompt_tokens: int = 0
    cached_tokens: int = 0
    finish_reason: FinishReason | None = None
    logprobs: tuple[TokenLogprob, ...] = ()
    reasoning: str = ""
    part: AnswerPart | None = None
    tool_calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model can do besides plain generation; `tools` is how it writes calls of functions."""

    json_schema: bool = False
    logprobs: bool = False
    embeddings: bool = False
    tools: ToolCallFormat | None = None


class ReasoningStart:
    """Whether a server's chat template opens the reasoning, so that its answers begin inside it.

    Nothing tells, so it is learnt from each answer: None while it is unknown.
    """

    def __init__(self) -> None:
        self.in_prompt: bool | None = None


class Engine(Protocol):
    """A model that is ready to generate.

    `weights` identifies the model's version (a hash of its files, or a version of the code).
    `extractive` engines quote the passages and need no weights. Raises ContextOverflow, Unsupported
    before the first chunk, EngineFailed when the answer breaks off, Unavailable during a restart.
    """

    name: str
    weights: str
    extractive: bool

    @property
    def context_tokens(self) -> int:
        """The most tokens a prompt and its answer may have together."""
        ...

    @property
    def reasoning_start(self) -> ReasoningStart | None:
        """None where a mark of reasoning that the prompt ends with comes first in the text."""
        ...

    @property
    def slots(self) -> int:
        """The number of answers it generates concurrently."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do besides plain generation."""
        ...

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, as the model's own tokenizer counts them."""
        ...

    async def tokenize(self, prompt: Prompt, *, special: bool = True) -> list[int]:
        """Return the tokens of a prompt as the model would read it.

        Without `special`, a raw prompt gets none of the tokens put around a text. Raises
        Unsupported.
        """
        ...

    async def detokenize(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens, control tokens spelled out. Raises Unsupported."""
        ...

    def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[TextChunk]:
        """Generate the answer chunk by chunk; closing the generator cancels it."""
        ...

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return an embedding of each text. Raises Unsupported when the model has none."""
        ...

    async def close(self) -> None:
        """Free the model's memory."""
        ...
