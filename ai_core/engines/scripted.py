"""An engine that says what it was told to, slowly or badly if asked. For tests."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from math import log
from typing import Literal

from ai_core.engines.base import Capabilities, Prompt, Sampling, TextChunk, TokenLogprob
from ai_core.errors import EngineFailed


class ScriptedEngine:
    """Writes its script word by word, whatever the prompt, and remembers what it was asked.

    Its tokens are words; its vector of a text is how many characters and words that has; what the
    operator wrote in the first message it reads once. `pause_s` passes before each word; after
    `fails_after` words it raises EngineFailed. `begun` is set once an answer begins, `given_up`
    once one was left before its end; `finished` counts those written to the end.
    """

    extractive = False

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
            json_schema=True, logprobs=True, embeddings=True
        )
        self.prompts: list[Prompt] = []
        self.samplings: list[Sampling] = []
        self.begun = asyncio.Event()
        self.given_up = asyncio.Event()
        self.finished = 0
        self.closed = False
        self._script = script
        self._pause_s = pause_s
        self._fails_after = fails_after

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count words."""
        return [len(text.split()) for text in texts]

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return how long each text is, in characters and in words."""
        return [[float(len(text)), float(len(text.split()))] for text in texts]

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[TextChunk]:
        """Write the script, at most `sampling.max_tokens` words of it, each as likely as not."""
        self.begun.set()
        rules = prompt.messages[:1]
        known = any(rules == before.messages[:1] for before in self.prompts)
        reused = sum(
            len(message.content[: message.cacheable_chars].split()) for message in rules if known
        )
        self.prompts.append(prompt)
        self.samplings.append(sampling)
        script = self._script.split(" ")
        words = script[: sampling.max_tokens]
        last: Literal["stop", "length"] = "stop" if len(words) == len(script) else "length"
        read = sum(len(message.content.split()) for message in prompt.messages) or len(
            (prompt.raw or "").split()
        )
        written = 0
        try:
            for word in words:
                await asyncio.sleep(self._pause_s)
                if written == self._fails_after:
                    raise EngineFailed("the script says so")
                written += 1
                text = word if written == len(words) else f"{word} "
                likely = () if sampling.top_logprobs is None else (TokenLogprob(text, log(0.5)),)
                yield TextChunk(
                    text,
                    1,
                    prompt_tokens=read if written == 1 else 0,
                    cached_tokens=reused if written == 1 else 0,
                    finish_reason=last if written == len(words) else None,
                    logprobs=likely,
                )
        finally:
            if written < len(words):
                self.given_up.set()
            else:
                self.finished += 1

    async def close(self) -> None:
        """Remember that the memory was given back."""
        self.closed = True
