"""Extractive answers: the retrieved passages, quoted word for word, without a language model.

First the sentences that decide, then conditions, steps and the sources, each with its number and
its URL (`composition`). Apart from the headings in `texts/` it writes nothing itself, so it cannot
misstate the law; it can miss the question.
"""

import re
from collections.abc import AsyncGenerator, Sequence

from ai_core.engines.base import Capabilities, Prompt, ReasoningStart, Sampling, TextChunk
from ai_core.engines.extractive.composition import Composition
from ai_core.errors import Unsupported
from shared.texts import Texts

_TOKEN = re.compile(r"\w+|[^\w\s]")


class ExtractiveEngine:
    """Quotes passages; see the module's docstring."""

    name = "extractive"
    weights = "extractive-2"
    extractive = True
    reasoning_start: ReasoningStart | None = None
    context_tokens = 32_768
    slots = 32
    capabilities = Capabilities()

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count words and punctuation marks."""
        return [_count_tokens(text) for text in texts]

    async def tokenize(self, prompt: Prompt, *, special: bool = True) -> list[int]:
        """Raise Unsupported: there is no model whose tokens these would be."""
        raise Unsupported(model=self.name, feature="model")

    async def detokenize(self, tokens: Sequence[int]) -> str:
        """Raise Unsupported."""
        raise Unsupported(model=self.name, feature="model")

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[TextChunk]:
        """Generate the answer, a chunk for each part; `sampling` has no effect."""
        for part, text in Composition(prompt, self._texts).parts():
            yield TextChunk(text, _count_tokens(text), part=part)
        yield TextChunk("", 0, finish_reason="stop")

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Raise Unsupported: there is no model to embed with."""
        raise Unsupported(model=self.name, feature="embeddings")

    async def close(self) -> None:
        """Do nothing: there is nothing to free."""


def _count_tokens(text: str) -> int:
    return len(_TOKEN.findall(text))
