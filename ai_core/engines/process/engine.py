"""An engine whose model lives in a process of its own.

The web process never touches weights: it sends commands over a socket and hands each frame's pieces
to the streams they belong to, in one callback per step of the model (`model_process.py`). A crash
of the model is an error for the answers under way and for nobody else.
"""

import asyncio
import hashlib
import itertools
import signal
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Self

from ai_core.engines.base import Capabilities, Prompt, Sampling, TextChunk
from ai_core.engines.formats import FORMATS, Format
from ai_core.engines.process.draft import Draft
from ai_core.engines.process.model_process import ModelProcess, ProcessExit
from ai_core.engines.process.throughput import Throughput, ThroughputMeter
from ai_core.engines.process.wire import (
    Call,
    Cancel,
    Command,
    Count,
    Done,
    Embed,
    LoadAdapter,
    Open,
    Opened,
    Read,
    Refused,
    Report,
    Steps,
    Stream,
)
from ai_core.engines.runner import LoadOptions, RunnerInfo
from ai_core.errors import EngineFailed, EngineStarting, ModelUnusable, NoMemory, Unsupported
from shared.errors import AppError

RETRY_AFTER_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long a model's process may take, in seconds.

    `load` to bring a model or an adapter to memory; `silence` without a sign of life while there is
    something to do; `count` to count tokens; `close` to end when asked.
    """

    load_s: float = 600.0
    silence_s: float = 60.0
    count_s: float = 30.0
    close_s: float = 5.0


class ProcessEngine:
    """A model in a child process; see the module's docstring and `base.Engine`.

    `exited` resolves once the process is gone: to its ProcessExit, or to None after `close`. From
    then on `stream` raises EngineStarting; to restart, make a new engine. `facts` describe the
    loaded model; `load_s` is how long loading took, process start included.
    """

    extractive = False
    facts: RunnerInfo
    context_tokens: int
    slots: int
    capabilities: Capabilities

    def __init__(self, name: str, weights: str, format: Format, timeouts: Timeouts) -> None:
        self.name = name
        self.weights = weights
        self.load_s = 0.0
        self._timeouts = timeouts
        self._process = ModelProcess(name, format, self._hear)
        self._ids = itertools.count(1)
        self._drafts: dict[int, Draft] = {}
        self._calls: dict[int, asyncio.Future[Done]] = {}
        self._adapters: dict[str, asyncio.Task[Done]] = {}
        self._opened: asyncio.Future[RunnerInfo] = asyncio.get_running_loop().create_future()
        self._heard_s = 0.0
        self._pace = ThroughputMeter()
        self._watch: asyncio.Task[None] | None = None
        self._process.exited.add_done_callback(self._gone)

    @classmethod
    async def start(
        cls,
        name: str,
        weights: str,
        format: str,
        path: str,
        options: LoadOptions | None = None,
        *,
        timeouts: Timeouts | None = None,
        niceness: int = 0,
    ) -> Self:
        """Start a process and load the model of `format` (see formats.py) at `path` in it.

        Raises ModelUnusable, naming the file and what to do; NoMemory when the system killed it.
        """
        if format not in FORMATS:
            raise ModelUnusable(
                f"{name}: {format} is not a format; there are {', '.join(FORMATS)}", model=name
            )
        known, options = FORMATS[format], options or LoadOptions()
        engine = cls(name, weights, known, timeouts or Timeouts())
        try:
            await engine._open(Open(known.module, known.extra, path, options, niceness))
        except BaseException:
            await asyncio.shield(engine._process.end(0))
            raise
        return engine

    @property
    def exited(self) -> asyncio.Future[ProcessExit | None]:
        """Resolves once the process is gone and its memory is back."""
        return self._process.exited

    @property
    def pid(self) -> int:
        """The process's number; 0 before it has one."""
        return self._process.pid

    @property
    def throughput(self) -> Throughput:
        """How fast it reads and writes, measured over its latest seconds of work."""
        return self._pace.throughput

    async def memory_bytes(self) -> int:
        """Return the process's share of the machine's memory (PSS); 0 once it is gone."""
        return await asyncio.to_thread(self._process.memory_bytes)

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text. Raises EngineFailed, EngineStarting."""
        call = Count(next(self._ids), texts)
        return (await self._call(call, self._timeouts.count_s)).counts

    def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[TextChunk]:
        """Write the answer; see `base.Engine`. A slow reader gets fewer, longer pieces."""
        return self.write(prompt, sampling)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return a vector for each text. Raises Unsupported, EngineFailed, EngineStarting."""
        if not self.capabilities.embeddings:
            raise Unsupported(f"{self.name} has no embeddings", model=self.name)
        return (await self._call(Embed(next(self._ids), texts))).vectors

    def adapted(self, name: str, weights: str, adapter_path: str) -> "AdaptedEngine":
        """Return an engine that writes with the LoRA at `adapter_path`, in the same process."""
        return AdaptedEngine(self, name, weights, adapter_path)

    async def close(self) -> None:
        """End the process; returns when its memory is back. Answers under way fail."""
        await self._process.end(self._timeouts.close_s)

    async def load_adapter(self, adapter: str, path: str) -> None:
        """Bring a LoRA to memory, once. Raises ModelUnusable when it does not fit the model."""
        if adapter not in self._adapters:
            call = LoadAdapter(next(self._ids), adapter, path)
            task = asyncio.create_task(self._call(call, self._timeouts.load_s))
            task.add_done_callback(lambda done: self._adapter_tried(adapter, done))
            self._adapters[adapter] = task
        await asyncio.shield(self._adapters[adapter])

    async def write(
        self, prompt: Prompt, sampling: Sampling, adapter: str | None = None
    ) -> AsyncGenerator[TextChunk]:
        """Write the answer with an adapter that was loaded, or with none."""
        self._check(sampling)
        job_id, draft = next(self._ids), Draft(time.monotonic())
        self._send(Stream(job_id, prompt.messages, prompt.raw, sampling, adapter))
        self._drafts[job_id] = draft
        try:
            while True:
                piece = await draft.take()
                yield piece
                if piece.finish_reason:
                    return
        finally:
            del self._drafts[job_id]
            if not draft.over:
                self._process.send(Cancel(job_id))

    def _check(self, sampling: Sampling) -> None:
        if sampling.json_schema is not None and not self.capabilities.json_schema:
            raise Unsupported(f"{self.name} cannot follow a JSON schema", model=self.name)
        if sampling.top_logprobs is not None and not self.capabilities.logprobs:
            raise Unsupported(f"{self.name} gives no log-probabilities", model=self.name)

    def _send(self, message: Command) -> None:
        if self._process.exited.done() or not self._process.running:
            raise EngineStarting(retry_after_s=RETRY_AFTER_S, model=self.name)
        if not self._busy:
            self._heard_s = time.monotonic()
        self._process.send(message)

    @property
    def _busy(self) -> bool:
        return bool(self._calls) or any(not draft.over for draft in self._drafts.values())

    async def _open(self, message: Open) -> None:
        began_s = time.monotonic()
        try:
            async with asyncio.timeout(self._timeouts.load_s):
                await self._process.start()
                self._process.send(message)
                self.facts = await self._opened
        except TimeoutError:
            raise ModelUnusable(
                f"{self.name}: {message.path} was not loaded within {self._timeouts.load_s:g} s: "
                "give it more time, or choose a smaller precision",
                model=self.name,
            ) from None
        except OSError as error:
            raise ModelUnusable(
                f"{self.name}: no process could be started: {error}", model=self.name
            ) from error
        self.context_tokens = self.facts.context_tokens
        self.slots = self.facts.slots
        self.capabilities = self.facts.capabilities
        self.load_s = time.monotonic() - began_s
        self._watch = asyncio.create_task(self._watch_silence())

    async def _call(self, call: Call, limit_s: float | None = None) -> Done:
        """Make a call; with no limit of its own, `silence_s` is the limit."""
        answer: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        self._send(call)
        self._calls[call.id] = answer
        try:
            async with asyncio.timeout(limit_s):
                return await answer
        except TimeoutError:
            self._process.kill(f"{type(call).__name__} took more than {limit_s:g} s")
            raise EngineFailed(f"{self.name} is stuck") from None
        finally:
            del self._calls[call.id]
            if answer.cancelled():
                self._process.send(Cancel(call.id))

    def _hear(self, message: Report) -> None:
        self._heard_s = time.monotonic()
        match message:
            case Steps():
                self._share(message)
            case Read():
                if draft := self._drafts.get(message.id):
                    draft.read(message.prompt_tokens)
            case Done():
                if (call := self._calls.get(message.id)) and not call.done():
                    call.set_result(message)
            case Refused():
                error = message.fault.error()
                error.facts["model"] = self.name
                self._refuse(message.id, error)
            case Opened():
                self._opened.set_result(message.facts)

    def _share(self, steps: Steps) -> None:
        read = written = 0
        for wrote in steps.wrote:
            written += wrote.tokens
            if draft := self._drafts.get(wrote.job_id):
                if not draft.begun:
                    read += draft.prompt_tokens - wrote.cached_tokens
                draft.put(wrote)
        self._pace.add_prefill(read, steps.reading_s)
        if steps.writing_s:
            self._pace.add_decode(written, steps.writing_s)

    def _refuse(self, id: int, error: AppError) -> None:
        if draft := self._drafts.get(id):
            draft.fail(error)
        for waiting in (self._calls.get(id), None if id else self._opened):
            if waiting and not waiting.done():
                waiting.set_exception(error)

    def _adapter_tried(self, adapter: str, task: asyncio.Task[Done]) -> None:
        """Let the next one who wants an adapter that could not be loaded try again."""
        if task.cancelled() or task.exception():
            del self._adapters[adapter]

    async def _watch_silence(self) -> None:
        limit_s = self._timeouts.silence_s
        while not self.exited.done():
            await asyncio.wait([self.exited], timeout=limit_s / 4)
            unread = [draft.sent_s for draft in self._drafts.values() if draft.unread]
            heard_s = min([self._heard_s, *unread])
            if self._busy and time.monotonic() - heard_s > limit_s:
                self._process.kill(f"it gave no sign of life for {limit_s:g} s")

    def _gone(self, died: asyncio.Future[ProcessExit | None]) -> None:
        death = died.result()
        detail = death.detail if death else "it was unloaded"
        for draft in self._drafts.values():
            draft.fail(EngineFailed(f"the process of {self.name} ended: {detail}"))
        for call in self._calls.values():
            if not call.done():
                call.set_exception(EngineFailed(f"the process of {self.name} ended: {detail}"))
        if not self._opened.done():
            self._opened.set_exception(_not_opened(self.name, death))


class AdaptedEngine:
    """A LoRA over a model in memory; it is loaded when it is first asked for."""

    extractive = False

    def __init__(self, base: ProcessEngine, name: str, weights: str, adapter_path: str) -> None:
        self.name = name
        self.weights = weights
        self.context_tokens = base.context_tokens
        self.slots = base.slots
        self.capabilities = replace(base.capabilities, embeddings=False)
        self._base = base
        self._path = adapter_path
        # A name the libraries can take: peft makes it part of a module's.
        self._adapter = hashlib.sha256(f"{weights} {adapter_path}".encode()).hexdigest()[:16]

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text; an adapter has its base's tokenizer."""
        return await self._base.count_tokens(texts)

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[TextChunk]:
        """Write the answer with the adapter. Raises ModelUnusable when it is for another base."""
        try:
            await self._base.load_adapter(self._adapter, self._path)
            async with aclosing(self._base.write(prompt, sampling, self._adapter)) as pieces:
                async for piece in pieces:
                    yield piece
        except AppError as error:
            error.facts["model"] = self.name
            raise

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Raise Unsupported: vectors are the base's."""
        raise Unsupported(f"{self.name} has no embeddings", model=self.name)

    async def close(self) -> None:
        """Leave the memory to the base, whose process it is."""


def _not_opened(name: str, death: ProcessExit | None) -> AppError:
    if death and death.status == -signal.SIGKILL:
        return NoMemory(
            f"{name}: the system killed its process while it was loading, most often for want of "
            "memory: choose a smaller precision or a shorter context",
            model=name,
        )
    detail = death.detail if death else "it was unloaded"
    return ModelUnusable(f"{name} could not be loaded: {detail}", model=name)
