"""What every engine can do, as the web process sees it.

Nothing here blocks: an engine with weights lives in a child process (`process.py`) or on another
host (`remote.py`), and every call that leaves the process has a time limit.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from ai_core.law.records import Passage
from shared.languages import Language


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message, as a model's chat template takes it.

    Its first `cacheable_chars` characters were written by the operator (rules, law text). Only they
    may enter the prefix cache, which callers share; what a caller wrote never does.
    """

    role: Literal["system", "user", "assistant"]
    content: str
    cacheable_chars: int = 0


@dataclass(frozen=True, slots=True)
class Prompt:
    """What an engine answers from: the messages, and the passages they rest on, best first.

    A language model reads `messages`, in which the passages are already written out, or `raw` text
    without a chat template when it is not None; the extractive engine quotes `passages` to answer
    `question`, and quotes in full the articles whose numbers the question names
    (`named_articles`).
    """

    messages: tuple[ChatMessage, ...]
    question: str
    passages: tuple[Passage, ...]
    language: Language
    named_articles: tuple[str, ...] = ()
    raw: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How to choose the next token; temperature 0 is greedy, hence deterministic.

    `top_k` 0, `min_p` 0 and `repetition_penalty` 1 do nothing. `json_schema` is the text of a JSON
    schema the answer must follow. `top_logprobs` asks for the logarithm of the probability of each
    token written and of that many others; None asks for none.
    """

    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    json_schema: str | None = None
    top_logprobs: int | None = None


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token written, the natural logarithm of its probability, and the likeliest others."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class TextChunk:
    """A part of the answer and the number of tokens generated for it.

    The first chunk also carries the prompt's length (`prompt_tokens`) and how many of those tokens
    were in the prefix cache (`cached_tokens`); the last one carries `finish_reason`.
    """

    text: str
    tokens: int
    prompt_tokens: int = 0
    cached_tokens: int = 0
    finish_reason: Literal["stop", "length"] | None = None
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model can do besides writing."""

    json_schema: bool = False
    logprobs: bool = False
    embeddings: bool = False


class Engine(Protocol):
    """A model ready to write.

    `weights` identifies what it writes with (a hash for a file of weights, a version for code).
    `extractive` engines quote the passages and need no weights. Raises ContextOverflow, Unsupported
    before the first chunk, EngineFailed when the answer breaks off, Unavailable during a restart.
    """

    name: str
    weights: str
    extractive: bool

    @property
    def context_tokens(self) -> int:
        """Return how many tokens a prompt and its answer may have together."""
        ...

    @property
    def slots(self) -> int:
        """Return how many answers it writes at once."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """Return what it can do besides writing."""
        ...

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, as the model's own tokenizer counts them."""
        ...

    def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[TextChunk]:
        """Write the answer, piece by piece; closing the generator stops the writing."""
        ...

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return a vector for each text. Raises Unsupported when the model has none."""
        ...

    async def close(self) -> None:
        """Give the memory back."""
        ...
