"""Buffer between a model process and the reader of one answer's stream."""

import asyncio

from ai_core.engines.base import FinishReason, TextChunk, TokenLogprob
from ai_core.engines.runner import TokenChunk
from shared.errors import AppError


class StreamBuffer:
    """Merges the chunks that were generated since the last read into one.

    A slow reader gets fewer, longer chunks: the model is never blocked, and memory is bounded by
    the answer's `max_tokens`. `created_s` is monotonic time.
    """

    def __init__(self, created_s: float) -> None:
        self.created_s = created_s
        self.started = False
        self.finished = False
        self.awaiting_tokenization = True
        self.prompt_tokens = 0
        self._texts: list[str] = []
        self._logprobs: list[TokenLogprob] = []
        self._tokens = 0
        self._cached_tokens = 0
        self._has_chunk = False
        self._prompt_reported = False
        self._finish_reason: FinishReason | None = None
        self._error: AppError | None = None
        self._reader: asyncio.Future[None] | None = None

    def set_prompt_tokens(self, prompt_tokens: int) -> None:
        """Note that the prompt was tokenized."""
        self.awaiting_tokenization, self.prompt_tokens = False, prompt_tokens

    def append(self, chunk: TokenChunk) -> None:
        """Add what a step generated; `fail` is what ends a job that failed."""
        self._has_chunk = self.started = True
        self._tokens += chunk.tokens
        self._cached_tokens += chunk.cached_tokens
        if chunk.text:
            self._texts.append(chunk.text)
        self._logprobs.extend(chunk.logprobs)
        if chunk.finish_reason and chunk.finish_reason != "failed":
            self._finish_reason = chunk.finish_reason
            self.finished = True
        self._wake_reader()

    def fail(self, error: AppError) -> None:
        """End the answer with an error, which is raised once the buffered text was read."""
        if not self.finished:
            self.finished = True
            self.awaiting_tokenization = False
            self._error = error
            self._wake_reader()

    async def next_chunk(self) -> TextChunk:
        """Return everything since the last call as one chunk, waiting for it if need be.

        Raises the error the answer ended with.
        """
        while not self._has_chunk:
            if self._error:
                raise self._error
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        chunk = TextChunk(
            "".join(self._texts),
            self._tokens,
            0 if self._prompt_reported else self.prompt_tokens,
            self._cached_tokens,
            self._finish_reason,
            tuple(self._logprobs),
        )
        self._texts, self._logprobs = [], []
        self._tokens = self._cached_tokens = 0
        self._has_chunk, self._prompt_reported = False, True
        return chunk

    def _wake_reader(self) -> None:
        if self._reader and not self._reader.done():
            self._reader.set_result(None)
