"""An engine that returns a prepared text, slowly or with a failure if asked. For tests."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from math import log
from typing import Literal

from ai_core.engines.base import (
    Capabilities,
    Prompt,
    ReasoningStart,
    Sampling,
    TextChunk,
    TokenLogprob,
    ToolCallFormat,
)
from ai_core.engines.decoding.logit_adjustment import require_tokens
from ai_core.errors import EngineFailed

CALL_FORMAT = ToolCallFormat(
    '<tool_call>\n{"name": "', '", "arguments": ', '}\n</tool_call>\n<tool_call>\n{"name": "'
)
"""As Qwen and Hermes write calls."""


class ScriptedEngine:
    """Generates its script word by word, whatever the prompt, and records its calls.

    Its tokens are words; its embedding of a text is the number of characters and of words; the
    cacheable part of the first message counts as cached from the second call on. `pause_s` passes
    before each word; after `fails_after` words it raises EngineFailed. `started` is set once an
    answer begins, `abandoned` once one was closed before its end; `completed` counts the others.
    """

    extractive = False
    reasoning_start: ReasoningStart | None = None

    def __init__(
        self,
        script: str,
        *,
        name: str = "scripted",
        pause_s: float = 0.0,
        fails_after: int | None = None,
        context_tokens: int = 8_192,
        slots: int = 8,
        capabilities: Capabilities | None = None,
    ) -> None:
        self.name = name
        self.weights = f"script of {name}"
        self.context_tokens = context_tokens
        self.slots = slots
        self.capabilities = capabilities or Capabilities(
            json_schema=True, logprobs=True, embeddings=True, tools=CALL_FORMAT
        )
        self.prompts: list[Prompt] = []
        self._words = ["<s>"]
        self.samplings: list[Sampling] = []
        self.started = asyncio.Event()
        self.abandoned = asyncio.Event()
        self.completed = 0
        self.closed = False
        self._script = script
        self._pause_s = pause_s
        self._fails_after = fails_after

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count words."""
        return [len(text.split()) for text in texts]

    async def tokenize(self, prompt: Prompt, *, special: bool = True) -> list[int]:
        """Number the words as they are met for the first time, after a 0 where `special`."""
        texts = [one.content for one in prompt.messages] if prompt.raw is None else [prompt.raw]
        for word in " ".join(texts).split():
            if word not in self._words:
                self._words.append(word)
        known = [self._words.index(word) for word in " ".join(texts).split()]
        return [0, *known] if special else known

    async def detokenize(self, tokens: Sequence[int]) -> str:
        """Return the words of some numbers."""
        require_tokens(tokens, len(self._words))
        return " ".join(self._words[token] for token in tokens)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return each text's number of characters and of words."""
        return [[float(len(text)), float(len(text.split()))] for text in texts]

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[TextChunk]:
        """Generate at most `sampling.max_tokens` words of the script, each with probability 0.5."""
        self.started.set()
        first = prompt.messages[:1]
        seen = any(first == earlier.messages[:1] for earlier in self.prompts)
        cached_tokens = sum(
            len(message.content[: message.cacheable_chars].split()) for message in first if seen
        )
        self.prompts.append(prompt)
        self.samplings.append(sampling)
        script = self._script.split(" ")
        words = script[: sampling.max_tokens]
        finish_reason: Literal["stop", "length"] = "stop" if len(words) == len(script) else "length"
        texts = [message.content for message in prompt.messages] or [prompt.raw or ""]
        prompt_tokens = sum(len(text.split()) for text in texts)
        written = 0
        try:
            for word in words:
                await asyncio.sleep(self._pause_s)
                if written == self._fails_after:
                    raise EngineFailed("requested by the script")
                written += 1
                text = word if written == len(words) else f"{word} "
                logprob = TokenLogprob(text.encode(), log(0.5))
                yield TextChunk(
                    text,
                    1,
                    prompt_tokens=prompt_tokens if written == 1 else 0,
                    cached_tokens=cached_tokens if written == 1 else 0,
                    finish_reason=finish_reason if written == len(words) else None,
                    logprobs=() if sampling.top_logprobs is None else (logprob,),
                )
        finally:
            if written < len(words):
                self.abandoned.set()
            else:
                self.completed += 1

    async def close(self) -> None:
        """Record that it was closed."""
        self.closed = True
