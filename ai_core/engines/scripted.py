"""An engine that says what it was told to, slowly or badly if asked. For tests."""

import asyncio
from collections.abc import AsyncGenerator

from ai_core.engines.base import Piece, Prompt, Sampling
from ai_core.errors import EngineFailed


class ScriptedEngine:
    """Writes its script word by word, whatever the prompt, and remembers what it was asked.

    `pause_s` passes before each word; after `fails_after` words it raises EngineFailed. `begun` is
    set once an answer begins, `given_up` once one was left before its end; `finished` counts those
    written to the end.
    """

    weights = "script"
    quotes = False

    def __init__(
        self,
        script: str,
        *,
        name: str = "scripted",
        pause_s: float = 0.0,
        fails_after: int | None = None,
        context_tokens: int = 8_192,
    ) -> None:
        self.name = name
        self.context_tokens = context_tokens
        self.prompts: list[Prompt] = []
        self.samplings: list[Sampling] = []
        self.begun = asyncio.Event()
        self.given_up = asyncio.Event()
        self.finished = 0
        self.closed = False
        self._script = script
        self._pause_s = pause_s
        self._fails_after = fails_after

    def count_tokens(self, text: str) -> int:
        """Count words."""
        return len(text.split())

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Piece]:
        """Write the script, at most `sampling.max_tokens` words of it."""
        self.begun.set()
        self.prompts.append(prompt)
        self.samplings.append(sampling)
        words = self._script.split(" ")[: sampling.max_tokens]
        written = 0
        try:
            for word in words:
                await asyncio.sleep(self._pause_s)
                if written == self._fails_after:
                    raise EngineFailed("the script says so")
                written += 1
                yield Piece(word if written == len(words) else f"{word} ", 1)
        finally:
            if written < len(words):
                self.given_up.set()
            else:
                self.finished += 1

    async def close(self) -> None:
        """Remember that the memory was given back."""
        self.closed = True
