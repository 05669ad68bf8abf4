"""The process that owns the models of a host: their pool and their queues, for every worker.

`serve_models` listens on a socket of this user. A connection is a place in a queue, a lease, a
watch, or one command of an operator; when it ends, so does what it held.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import aclosing, asynccontextmanager
from socket import socket

import structlog

from ai_core.engines.base import Engine
from ai_core.engines.error_report import ErrorReport
from ai_core.engines.process.protocol import Cancel, CountTokens, Detokenize, Embed
from ai_core.errors import EngineStarting
from ai_core.models.host.messages import (
    Call,
    Chunk,
    Command,
    Enter,
    Entered,
    Failure,
    Finish,
    Generate,
    Lease,
    Leased,
    Link,
    Load,
    ModelState,
    QueueState,
    Ready,
    Reread,
    Result,
    Started,
    State,
    Tokenize,
    Unload,
    Waiting,
    Watch,
    Written,
)
from ai_core.models.pool import ModelPool
from ai_core.models.registry import ModelCard
from ai_core.models.scheduler import Job, Scheduler
from shared.errors import AppError

TOLD_EVERY_S = 1.0
"""How often a waiting job is told its place."""
WATCHED_EVERY_S = 0.2

log = structlog.get_logger()


@asynccontextmanager
async def serve_models(
    listening: socket, pool: ModelPool, scheduler: Scheduler
) -> AsyncIterator[None]:
    """Serve the workers that connect to a listening socket."""
    host = ModelHost(pool, scheduler)
    server = await asyncio.start_unix_server(host.serve, sock=listening)
    try:
        yield
    finally:
        server.close()
        await host.close()


class ModelHost:
    """Serves each connection; `close` ends all of them."""

    def __init__(self, pool: ModelPool, scheduler: Scheduler) -> None:
        self._pool = pool
        self._scheduler = scheduler
        self._serving: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until either side hangs up."""
        task = asyncio.current_task()
        if task:
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        async with Link.of_host(reader, writer) as link:
            try:
                await self._serve(link)
            except Exception as error:  # one request must not end the others
                if not isinstance(error, AppError):
                    log.exception("model request failed")
                link.send(Failure(0, ErrorReport.of(error)))

    async def close(self) -> None:
        """End every connection."""
        for task in self._serving:
            task.cancel()
        if self._serving:
            await asyncio.wait(self._serving)

    async def _serve(self, link: Link[Command]) -> None:
        match await link.receive():
            case Enter() as entering:
                await self._queue(link, entering)
            case Lease() as wanted:
                await self._lease(link, wanted)
            case Load(model):
                await self._pool.load(model)
                link.send(await self._state())
            case Unload(model):
                await self._pool.unload(model)
                link.send(await self._state())
            case Reread():
                await self._pool.reread()
                link.send(await self._state())
            case Watch():
                await self._watch(link)

    async def _queue(self, link: Link[Command], entering: Enter) -> None:
        """Keep a job in its queue, and then in its slot, until its worker hangs up."""
        size, deadline_s = entering.size, entering.deadline_s
        with self._scheduler.enter(entering.model, entering.caller, size, deadline_s) as job:
            link.send(Entered())
            async with _Tasks(link) as tasks:
                async for message in link:
                    match message:
                        case Ready(size, slots):
                            job.mark_ready(size, slots)
                            tasks.start(0, _tell_when_started(link, job))
                        case Written(tokens, prompt_tokens):
                            job.record_tokens(tokens, prompt_tokens)
                        case Finish(cut):
                            job.finish(cut=cut)

    async def _lease(self, link: Link[Command], wanted: Lease) -> None:
        """Lease an engine until its worker hangs up."""
        card = await self._card(wanted)
        async with self._pool.lease(card) as engine:
            reasons = engine.reasoning_start is not None
            link.send(Leased(engine.context_tokens, engine.slots, engine.capabilities, reasons))
            async with _Tasks(link) as tasks:
                async for message in link:
                    match message:
                        case Generate(id):
                            tasks.start(id, _generate(link, engine, message))
                        case Cancel(id):
                            tasks.cancel(id)
                        case CountTokens(id) | Tokenize(id) | Detokenize(id) | Embed(id):
                            tasks.start(id, _answer(link, engine, message))

    async def _card(self, wanted: Lease) -> ModelCard:
        """Return the card a worker means: it may have read models.toml before this process did.

        Raises UnknownModel, and EngineStarting where they do not agree.
        """
        if self._pool.card(wanted.model).weights != wanted.weights:
            await self._pool.reread()
        card = self._pool.card(wanted.model)
        if card.weights != wanted.weights:
            raise EngineStarting(retry_after_s=1.0, model=wanted.model)
        return card

    async def _watch(self, link: Link[Command]) -> None:
        """Tell the state of the models whenever it changes, until the worker hangs up."""
        told: State | None = None
        hanging_up = asyncio.create_task(link.receive())
        try:
            while not hanging_up.done():
                state = await self._state()
                if state != told:
                    told = state
                    link.send(state)
                await asyncio.wait([hanging_up], timeout=WATCHED_EVERY_S)
        finally:
            hanging_up.cancel()

    async def _state(self) -> State:
        unready = None
        try:
            await self._pool.require_ready()
        except AppError as error:
            unready = ErrorReport.of(error)
        return State(
            budget_bytes=self._pool.budget_bytes,
            models=tuple(
                ModelState(
                    one.card.id, one.state, one.memory_bytes, one.tokens_per_s, one.code,
                    one.restarts,
                    one.slots,
                )
                for one in self._pool.statuses()
            ),
            queues=tuple(
                QueueState(model, queue.waiting, queue.running, queue.wait_s)
                for model, queue in self._scheduler.statuses()
            ),
            unready=unready,
        )  # fmt: skip


async def _tell_when_started(link: Link[Command], job: Job) -> None:
    while not await job.wait_for_slot(timeout_s=TOLD_EVERY_S):
        wait = job.estimate()
        link.send(Waiting(wait.position, wait.wait_s))
    link.send(Started())


async def _generate(link: Link[Command], engine: Engine, wanted: Generate) -> None:
    async with aclosing(engine.stream(wanted.prompt, wanted.sampling)) as chunks:
        async for chunk in chunks:
            link.send(Chunk(wanted.id, chunk))
            await link.drain()


async def _answer(link: Link[Command], engine: Engine, call: Call) -> None:
    match call:
        case CountTokens(id, texts):
            result = Result(id, numbers=await engine.count_tokens(texts))
        case Tokenize(id, prompt, special):
            result = Result(id, numbers=await engine.tokenize(prompt, special=special))
        case Detokenize(id, tokens):
            result = Result(id, text=await engine.detokenize(tokens))
        case Embed(id, texts):
            result = Result(id, vectors=await engine.embed(texts))
    link.send(result)


class _Tasks:
    """What a connection's messages started, by their ids; it ends with the connection."""

    def __init__(self, link: Link[Command]) -> None:
        self._link = link
        self._running: dict[int, asyncio.Task[None]] = {}

    async def __aenter__(self) -> "_Tasks":
        return self

    async def __aexit__(self, *_: object) -> None:
        running = list(self._running.values())
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)

    def start(self, id: int, work: Coroutine[object, object, None]) -> None:
        """Start work; its failure is told to the worker."""
        task = asyncio.create_task(self._told(id, work))
        self._running[id] = task
        task.add_done_callback(lambda _: self._running.pop(id, None))

    def cancel(self, id: int) -> None:
        """Stop work, if it has not ended."""
        if task := self._running.get(id):
            task.cancel()

    async def _told(self, id: int, work: Coroutine[object, object, None]) -> None:
        try:
            await work
        except Exception as error:  # the worker is told, and raises it
            if not isinstance(error, AppError):
                log.exception("model request failed")
            self._link.send(Failure(id, ErrorReport.of(error)))
