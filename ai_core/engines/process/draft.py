"""An answer on its way from a model's process to whoever reads it."""

import asyncio
from typing import Literal

from ai_core.engines.base import TextChunk, TokenLogprob
from ai_core.engines.runner import TokenChunk
from ai_core.errors import EngineFailed
from shared.errors import AppError


class Draft:
    """Holds what was written and not yet read, as one piece.

    A slow reader gets fewer, longer pieces: what waits is never more than the rest of one answer,
    so the model is not held up and memory stays bounded by `max_tokens`.
    """

    def __init__(self, sent_s: float) -> None:
        self.sent_s = sent_s
        self.over = False
        self.begun = False
        self.unread = True
        self.prompt_tokens = 0
        self._texts: list[str] = []
        self._logprobs: list[TokenLogprob] = []
        self._tokens = 0
        self._reused = 0
        self._any = False
        self._taken = False
        self._end: Literal["stop", "length"] | None = None
        self._error: AppError | None = None
        self._reader: asyncio.Future[None] | None = None

    def read(self, prompt_tokens: int) -> None:
        """Note that the prompt was tokenized."""
        self.unread, self.prompt_tokens = False, prompt_tokens

    def put(self, wrote: TokenChunk) -> None:
        """Add what a step wrote."""
        self._any = self.begun = True
        self._tokens += wrote.tokens
        self._reused += wrote.cached_tokens
        if wrote.text:
            self._texts.append(wrote.text)
        self._logprobs.extend(wrote.logprobs)
        if wrote.finish_reason == "failed":
            self.fail(EngineFailed(wrote.error))
        elif wrote.finish_reason:
            self._end = wrote.finish_reason
            self.over = True
        self._wake()

    def fail(self, error: AppError) -> None:
        """End the answer with an error, raised once what was written is read."""
        if not self.over:
            self.over = True
            self.unread = False
            self._error = error
            self._wake()

    async def take(self) -> TextChunk:
        """Return all that was written since the last call, waiting for it if need be.

        Raises the error the answer ended with.
        """
        while not self._any:
            if self._error:
                raise self._error
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        piece = TextChunk(
            "".join(self._texts),
            self._tokens,
            0 if self._taken else self.prompt_tokens,
            self._reused,
            self._end,
            tuple(self._logprobs),
        )
        self._texts, self._logprobs = [], []
        self._tokens = self._reused = 0
        self._any, self._taken = False, True
        return piece

    def _wake(self) -> None:
        if self._reader and not self._reader.done():
            self._reader.set_result(None)
