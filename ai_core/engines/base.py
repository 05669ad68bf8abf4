"""What every engine can do."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal, Protocol

from ai_core.law import Passage
from shared.languages import Language


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing said, as a model's chat template takes it."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """All an engine may know: the turns, and the passages they rest on, best first.

    A language model reads `turns`, in which the passages are already written out; the extractive
    engine quotes `passages` to answer `question`, and quotes whole the articles whose numbers the
    question names (`named`).
    """

    turns: tuple[Turn, ...]
    question: str
    passages: tuple[Passage, ...]
    language: Language
    named: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to choose the next token; temperature 0 is greedy, hence deterministic."""

    max_tokens: int
    temperature: float
    top_p: float


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the answer and the number of tokens it took."""

    text: str
    tokens: int


class Engine(Protocol):
    """A model in memory, ready to write.

    `weights` identifies what it writes with (a hash for a file of weights, a version for code).
    `quotes` tells that it writes from the passages alone, word for word.
    """

    name: str
    weights: str
    quotes: bool
    context_tokens: int

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of `text`, as this engine counts them."""
        ...

    def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Piece]:
        """Write the answer, piece by piece; closing the generator stops the writing."""
        ...

    async def close(self) -> None:
        """Give the memory back."""
        ...
