"""An engine that the owner of the models holds for a worker."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

from ai_core.engines.base import Capabilities, Prompt, ReasoningStart, Sampling, TextChunk
from ai_core.engines.process.protocol import Cancel, CountTokens, Detokenize, Embed
from ai_core.errors import EngineFailed
from ai_core.models.host.messages import (
    Call,
    Chunk,
    Event,
    Failure,
    Generate,
    Leased,
    Link,
    Result,
    Tokenize,
)
from ai_core.models.registry import ModelCard

SILENCE_S = 660.0
"""How long an engine may be silent: longer than the owner of the models lets it be."""


class HostedEngine:
    """An engine that another process holds; see `base.Engine`."""

    extractive = False

    def __init__(
        self, link: Link[Event], card: ModelCard, leased: Leased, start: ReasoningStart | None
    ) -> None:
        self.name = card.id
        self.weights = card.weights
        self.context_tokens = leased.context_tokens
        self.slots = leased.slots
        self.capabilities: Capabilities = leased.capabilities
        self.reasoning_start = start
        self._link = link
        self._ids = itertools.count(1)
        self._told: dict[int, asyncio.Queue[Chunk | Result | Failure | None]] = {}
        self._gone = False

    async def receive(self) -> None:
        """Pass what is told on to the calls it belongs to, until the lease ends."""
        async for message in self._link:
            match message:
                case Failure(0):
                    break
                case Chunk(id) | Result(id) | Failure(id) if id in self._told:
                    self._told[id].put_nowait(message)
        self._gone = True
        for waiting in self._told.values():
            waiting.put_nowait(None)

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text."""
        return (await self._call(CountTokens(next(self._ids), texts))).numbers

    async def tokenize(self, prompt: Prompt, *, special: bool = True) -> list[int]:
        """Return the tokens of a prompt. Raises Unsupported."""
        return (await self._call(Tokenize(next(self._ids), _bare(prompt), special))).numbers

    async def detokenize(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens. Raises Unsupported."""
        return (await self._call(Detokenize(next(self._ids), tokens))).text

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return an embedding of each text. Raises Unsupported when the model has none."""
        return (await self._call(Embed(next(self._ids), texts))).vectors

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[TextChunk]:
        """Generate the answer chunk by chunk; closing the generator cancels it."""
        id, finished = next(self._ids), False
        told = self._told[id] = asyncio.Queue()
        self._link.send(Generate(id, _bare(prompt), sampling))
        try:
            while not finished:
                message = await self._next(told)
                if isinstance(message, Chunk):
                    finished = message.chunk.finish_reason is not None
                    yield message.chunk
        finally:
            del self._told[id]
            if not finished:
                self._link.send(Cancel(id))

    async def close(self) -> None:
        """Do nothing: the model is not this process's."""

    async def _call(self, call: Call) -> Result:
        told = self._told[call.id] = asyncio.Queue()
        self._link.send(call)
        message: Chunk | Result | None = None
        try:
            while not isinstance(message, Result):
                message = await self._next(told)
        finally:
            del self._told[call.id]
            if message is None:
                self._link.send(Cancel(call.id))
        return message

    async def _next(self, told: "asyncio.Queue[Chunk | Result | Failure | None]") -> Chunk | Result:
        """Return what is told next. Raises the error that is told, EngineFailed for silence."""
        if self._gone and told.empty():
            raise EngineFailed(f"{self.name}: the owner of the models is gone")
        try:
            async with asyncio.timeout(SILENCE_S):
                message = await told.get()
        except TimeoutError:
            raise EngineFailed(f"{self.name} is silent") from None
        if message is None:
            raise EngineFailed(f"{self.name}: the owner of the models is gone")
        if isinstance(message, Failure):
            raise message.error.to_error()
        return message


def _bare(prompt: Prompt) -> Prompt:
    """Return what a model reads of a prompt: the passages are written out in its messages."""
    return replace(prompt, question="", passages=(), told="")
