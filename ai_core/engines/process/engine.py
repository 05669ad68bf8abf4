"""An engine whose model runs in a child process.

The web process never touches weights: it sends commands over a socket and passes each step's chunks
to the streams they belong to, in one callback per step (`model_process.py`). A crash of the model
fails the answers in progress and nothing else.
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

from ai_core.engines.base import Capabilities, Prompt, ReasoningStart, Sampling, TextChunk
from ai_core.engines.error_report import ErrorReport
from ai_core.engines.formats import FORMATS, Format
from ai_core.engines.process.model_process import ModelProcess, ProcessExit
from ai_core.engines.process.protocol import (
    Call,
    CallResult,
    Cancel,
    Command,
    CountTokens,
    Detokenize,
    Embed,
    Event,
    Failure,
    Generate,
    LoadAdapter,
    LoadModel,
    ModelLoaded,
    PromptTokenized,
    StepReport,
    Tokenize,
)
from ai_core.engines.process.stream_buffer import StreamBuffer
from ai_core.engines.process.throughput import Throughput, ThroughputMeter
from ai_core.engines.runner import LoadOptions, RunnerInfo
from ai_core.errors import EngineFailed, EngineStarting, ModelUnusable, NoMemory, Unsupported
from shared.errors import AppError

RETRY_AFTER_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Time limits of a model process, in seconds.

    `load_s` to load a model or an adapter; `silence_s` without a heartbeat while there is work;
    `count_s` to count tokens; `close_s` to exit when asked.
    """

    load_s: float = 600.0
    silence_s: float = 60.0
    count_s: float = 30.0
    close_s: float = 5.0


class ProcessEngine:
    """A model in a child process; see the module's docstring and `base.Engine`.

    `exited` resolves once the process is gone: to its ProcessExit, or to None after `close`. From
    then on `stream` raises EngineStarting; to restart, make a new engine. `info` describes the
    loaded model; `load_s` is how long loading took, process start included.
    """

    extractive = False
    reasoning_start: ReasoningStart | None = None
    info: RunnerInfo
    context_tokens: int
    slots: int
    capabilities: Capabilities

    def __init__(self, name: str, weights: str, format: Format, timeouts: Timeouts) -> None:
        self.name = name
        self.weights = weights
        self.load_s = 0.0
        self._timeouts = timeouts
        self._process = ModelProcess(name, format, self._on_event)
        self._ids = itertools.count(1)
        self._streams: dict[int, StreamBuffer] = {}
        self._calls: dict[int, asyncio.Future[CallResult]] = {}
        self._adapters: dict[str, asyncio.Task[CallResult]] = {}
        self._loaded: asyncio.Future[RunnerInfo] = asyncio.get_running_loop().create_future()
        self._last_event_s = 0.0
        self._meter = ThroughputMeter()
        self._watchdog: asyncio.Task[None] | None = None
        self._process.exited.add_done_callback(self._on_exit)

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

        Raises ModelUnusable with the file and the remedy; NoMemory when the kernel killed it.
        """
        if format not in FORMATS:
            raise ModelUnusable(
                f"{name}: {format} is not a format; there are {', '.join(FORMATS)}", model=name
            )
        known, options = FORMATS[format], options or LoadOptions()
        engine = cls(name, weights, known, timeouts or Timeouts())
        try:
            await engine._load(LoadModel(known.module, known.extra, path, options, niceness))
        except BaseException:
            await asyncio.shield(engine._process.stop(0))
            raise
        return engine

    @property
    def exited(self) -> asyncio.Future[ProcessExit | None]:
        """Resolves once the process is gone and its memory is free."""
        return self._process.exited

    @property
    def pid(self) -> int:
        """The process id; 0 before it has one."""
        return self._process.pid

    @property
    def throughput(self) -> Throughput:
        """Prefill and decode rates over the latest seconds of work."""
        return self._meter.throughput

    async def memory_bytes(self) -> int:
        """Return the process's proportional set size (PSS); 0 once it is gone."""
        return await asyncio.to_thread(self._process.memory_bytes)

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text. Raises EngineFailed, EngineStarting."""
        call = CountTokens(next(self._ids), texts)
        return (await self._call(call, self._timeouts.count_s)).counts

    async def tokenize(self, prompt: Prompt, *, special: bool = True) -> list[int]:
        """Return the tokens of a prompt. Raises Unsupported, EngineFailed, EngineStarting."""
        call = Tokenize(next(self._ids), prompt.messages, prompt.raw, special)
        return (await self._call(call, self._timeouts.count_s)).tokens

    async def detokenize(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens. Raises Unsupported, EngineFailed, EngineStarting."""
        call = Detokenize(next(self._ids), tokens)
        return (await self._call(call, self._timeouts.count_s)).text

    def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[TextChunk]:
        """Generate the answer; see `base.Engine`. A slow reader gets fewer, longer chunks."""
        return self.generate(prompt, sampling)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return an embedding of each text. Raises Unsupported, EngineFailed, EngineStarting."""
        if not self.capabilities.embeddings:
            raise Unsupported(f"{self.name} has no embeddings", model=self.name)
        return (await self._call(Embed(next(self._ids), texts))).vectors

    def adapted(self, name: str, weights: str, adapter_path: str) -> "AdaptedEngine":
        """Return an engine that applies the LoRA at `adapter_path`, in the same process."""
        return AdaptedEngine(self, name, weights, adapter_path)

    async def close(self) -> None:
        """Stop the process; returns when its memory is free. Answers in progress fail."""
        await self._process.stop(self._timeouts.close_s)

    async def load_adapter(self, adapter: str, path: str) -> None:
        """Load a LoRA, once. Raises ModelUnusable when it does not fit the model."""
        if adapter not in self._adapters:
            call = LoadAdapter(next(self._ids), adapter, path)
            task = asyncio.create_task(self._call(call, self._timeouts.load_s))
            task.add_done_callback(lambda done: self._forget_failed_adapter(adapter, done))
            self._adapters[adapter] = task
        await asyncio.shield(self._adapters[adapter])

    async def generate(
        self, prompt: Prompt, sampling: Sampling, adapter: str | None = None
    ) -> AsyncGenerator[TextChunk]:
        """Generate the answer with a loaded adapter, or without one."""
        self._require_capabilities(sampling)
        job_id, buffer = next(self._ids), StreamBuffer(time.monotonic())
        self._send(
            Generate(job_id, prompt.messages, prompt.raw, sampling, adapter, prompt.tool_use)
        )
        self._streams[job_id] = buffer
        try:
            while True:
                chunk = await buffer.next_chunk()
                yield chunk
                if chunk.finish_reason:
                    return
        finally:
            del self._streams[job_id]
            if not buffer.finished:
                self._process.send(Cancel(job_id))

    def _require_capabilities(self, sampling: Sampling) -> None:
        if sampling.json_schema is not None and not self.capabilities.json_schema:
            raise Unsupported(f"{self.name} cannot follow a JSON schema", model=self.name)
        if sampling.top_logprobs is not None and not self.capabilities.logprobs:
            raise Unsupported(f"{self.name} gives no log-probabilities", model=self.name)

    def _send(self, message: Command) -> None:
        if self._process.exited.done() or not self._process.running:
            raise EngineStarting(retry_after_s=RETRY_AFTER_S, model=self.name)
        if not self._busy:
            self._last_event_s = time.monotonic()
        self._process.send(message)

    @property
    def _busy(self) -> bool:
        return bool(self._calls) or any(not one.finished for one in self._streams.values())

    async def _load(self, message: LoadModel) -> None:
        began_s = time.monotonic()
        try:
            async with asyncio.timeout(self._timeouts.load_s):
                await self._process.start()
                self._process.send(message)
                self.info = await self._loaded
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
        self.context_tokens = self.info.context_tokens
        self.slots = self.info.slots
        self.capabilities = self.info.capabilities
        self.load_s = time.monotonic() - began_s
        self._watchdog = asyncio.create_task(self._kill_when_silent())

    async def _call(self, call: Call, limit_s: float | None = None) -> CallResult:
        """Make a call; without `limit_s` only the watchdog's `silence_s` limits it."""
        answer: asyncio.Future[CallResult] = asyncio.get_running_loop().create_future()
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

    def _on_event(self, event: Event) -> None:
        self._last_event_s = time.monotonic()
        match event:
            case StepReport():
                self._dispatch_step(event)
            case PromptTokenized():
                if buffer := self._streams.get(event.id):
                    buffer.set_prompt_tokens(event.prompt_tokens)
            case CallResult():
                if (call := self._calls.get(event.id)) and not call.done():
                    call.set_result(event)
            case Failure():
                self._fail(event.id, self._error_of(event.error))
            case ModelLoaded():
                self._loaded.set_result(event.info)

    def _dispatch_step(self, step: StepReport) -> None:
        prefilled = decoded = 0
        for chunk in step.chunks:
            decoded += chunk.tokens
            if buffer := self._streams.get(chunk.job_id):
                if not buffer.started:
                    prefilled += buffer.prompt_tokens - chunk.cached_tokens
                buffer.append(chunk)
            if chunk.error:
                self._fail(chunk.job_id, self._error_of(chunk.error))
        self._meter.add_prefill(prefilled, step.prefill_s)
        if step.decode_s:
            self._meter.add_decode(decoded, step.decode_s)

    def _error_of(self, report: ErrorReport) -> AppError:
        error = report.to_error()
        error.facts["model"] = self.name
        return error

    def _fail(self, id: int, error: AppError) -> None:
        if buffer := self._streams.get(id):
            buffer.fail(error)
        for future in (self._calls.get(id), None if id else self._loaded):
            if future and not future.done():
                future.set_exception(error)

    def _forget_failed_adapter(self, adapter: str, task: asyncio.Task[CallResult]) -> None:
        """Make the next request for an adapter that failed to load try again."""
        if task.cancelled() or task.exception():
            del self._adapters[adapter]

    async def _kill_when_silent(self) -> None:
        limit_s = self._timeouts.silence_s
        while not self.exited.done():
            await asyncio.wait([self.exited], timeout=limit_s / 4)
            untokenized = (one for one in self._streams.values() if one.awaiting_tokenization)
            oldest_s = min([self._last_event_s, *(one.created_s for one in untokenized)])
            if self._busy and time.monotonic() - oldest_s > limit_s:
                self._process.kill(f"it sent no heartbeat for {limit_s:g} s")

    def _on_exit(self, exited: asyncio.Future[ProcessExit | None]) -> None:
        process_exit = exited.result()
        reason = f"the process of {self.name} ended: {_exit_detail(process_exit)}"
        for buffer in self._streams.values():
            buffer.fail(EngineFailed(reason))
        for call in self._calls.values():
            if not call.done():
                call.set_exception(EngineFailed(reason))
        if not self._loaded.done():
            self._loaded.set_exception(_load_error(self.name, process_exit))


class AdaptedEngine:
    """A LoRA adapter over a loaded model; it is loaded on first use."""

    extractive = False
    reasoning_start: ReasoningStart | None = None

    def __init__(self, base: ProcessEngine, name: str, weights: str, adapter_path: str) -> None:
        self.name = name
        self.weights = weights
        self.context_tokens = base.context_tokens
        self.slots = base.slots
        self.capabilities = replace(base.capabilities, embeddings=False)
        self._base = base
        self._path = adapter_path
        # A hash, as peft makes the adapter's name part of a module name.
        self._adapter = hashlib.sha256(f"{weights} {adapter_path}".encode()).hexdigest()[:16]

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, by the base model's tokenizer."""
        return await self._base.count_tokens(texts)

    async def tokenize(self, prompt: Prompt, *, special: bool = True) -> list[int]:
        """Return the tokens of a prompt, by the base model's tokenizer."""
        return await self._base.tokenize(prompt, special=special)

    async def detokenize(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens, by the base model's tokenizer."""
        return await self._base.detokenize(tokens)

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[TextChunk]:
        """Generate with the adapter. Raises ModelUnusable when it is for another base model."""
        try:
            await self._base.load_adapter(self._adapter, self._path)
            async with aclosing(self._base.generate(prompt, sampling, self._adapter)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except AppError as error:
            error.facts["model"] = self.name
            raise

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Raise Unsupported: embeddings are the base model's."""
        raise Unsupported(f"{self.name} has no embeddings", model=self.name)

    async def close(self) -> None:
        """Do nothing: the memory belongs to the base model's process."""


def _exit_detail(process_exit: ProcessExit | None) -> str:
    return process_exit.detail if process_exit else "it was unloaded"


def _load_error(name: str, process_exit: ProcessExit | None) -> AppError:
    if process_exit and process_exit.status == -signal.SIGKILL:
        return NoMemory(
            f"{name}: the system killed its process during loading, most often for lack of "
            "memory: choose a smaller precision or a shorter context",
            model=name,
        )
    return ModelUnusable(f"{name} could not be loaded: {_exit_detail(process_exit)}", model=name)
