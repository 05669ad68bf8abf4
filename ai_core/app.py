"""How ai_core is put together. Everything it owns is opened here, once, and closed in reverse."""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    suppress,
)
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from redis.exceptions import RedisError
from starlette.types import ASGIApp

from ai_core.access.gate import Gate, GateMetrics
from ai_core.access.idempotency import Idempotency
from ai_core.access.keys import KeyRing
from ai_core.access.rate_limits import Limiter
from ai_core.answering.abstention import Abstentions, Office, read_offices
from ai_core.answering.boilerplate import Boilerplate
from ai_core.answering.cache import AnswerCache, CacheMetrics
from ai_core.answering.clarification import Rule, read_rules
from ai_core.answering.conversations import Conversations
from ai_core.answering.embeddings import Embedder
from ai_core.answering.generation import Generation
from ai_core.answering.pipeline import AnswerPipeline
from ai_core.answering.prompts import Prompts
from ai_core.answering.request import RequestResolver
from ai_core.api import chat, generate, health, models
from ai_core.api import openai_routes as openai
from ai_core.api import search as knowledge
from ai_core.api.direct_routes import MAX_CONCURRENT, DirectRoutes
from ai_core.api.openai_replies import EXAMPLES as OPENAI_EXAMPLES
from ai_core.api.openai_replies import ErrorDocument
from ai_core.api.openapi import (
    DESCRIPTION,
    KEYED_HEADERS,
    REQUEST_HEADERS,
    RESPONSE_HEADERS,
    TAGS,
)
from ai_core.api.page import page_router
from ai_core.api.responder import Responder
from ai_core.api.response_formats import OPENAI, error_document
from ai_core.api.status import Health
from ai_core.engines.base import Engine
from ai_core.engines.extractive.engine import ExtractiveEngine
from ai_core.law.library import Library
from ai_core.law.source import LawSource
from ai_core.law.versions import CorpusVersions
from ai_core.metrics import AnswerMetrics, CorpusMetrics, QuestionMetrics, SchedulerMetrics
from ai_core.models.metrics import ModelCollector
from ai_core.models.opening import open_engine
from ai_core.models.pool import ModelPool, open_pool
from ai_core.models.scheduler import Scheduler
from ai_core.models.slot import Opener as ModelOpener
from ai_core.redis_keys import TAG
from ai_core.settings import AnswerSettings, Settings
from shared.ai.examples import EXAMPLES
from shared.clock import Clock, SystemClock
from shared.host_metrics import HostMetrics
from shared.stores.redis_connection import RedisConnection
from shared.texts import Texts
from shared.web.docs_page import docs_router
from shared.web.http_metrics import HttpMetrics
from shared.web.middleware import RequestMiddleware
from shared.web.openapi import DocumentedApi
from shared.web.problems import add_error_handlers
from shared.web.tracing import traced, tracing_of

HERE = Path(__file__).parent
SHARED_TEXTS = HERE.parent / "shared" / "texts" / "errors.toml"


SWITCH_INTERVAL_S = 0.0005
"""How long the event loop may keep the interpreter from the library's thread, which gives it up
some fifty times a search: with Python's 5 ms a busy loop halves the answers a second."""


class State(TypedDict):
    """What lives as long as the app, as routes ask for it."""

    gate: Gate
    embedder: Embedder
    responder: Responder
    resolver: RequestResolver
    library: LawSource
    pool: ModelPool
    conversations: Conversations
    health: Health
    host_metrics: HostMetrics
    clock: Clock
    concurrency: asyncio.Semaphore


DIALECTS = {OPENAI: error_document}
"""How errors are written under which addresses; elsewhere as RFC 9457 says."""

Opener = Callable[[Settings, CollectorRegistry], AbstractAsyncContextManager[State]]


def read_texts() -> Texts:
    """Read every sentence ai_core says."""
    return Texts.read(SHARED_TEXTS, HERE / "texts" / "errors.toml", HERE / "texts" / "answers.toml")


@dataclass(frozen=True, slots=True)
class Words:
    """Every file of words ai_core reads."""

    texts: Texts
    prompts: Prompts
    offices: dict[str, Office]
    clarifications: tuple[Rule, ...]

    @classmethod
    def read(cls, settings: AnswerSettings) -> "Words":
        """Read them all."""
        prompts = Prompts.read(passage_tokens=settings.passage_tokens)
        return cls(read_texts(), prompts, read_offices(), read_rules())


@asynccontextmanager
async def open_state(settings: Settings, registry: CollectorRegistry) -> AsyncIterator[State]:
    """Open everything the app needs; close it again on the way out."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        library = Library(CorpusVersions(settings.data_dir))
        stack.push_async_callback(library.close)
        state = await assemble(settings, registry, stack, library, clock)
        tune_the_interpreter()
        yield state


def tune_the_interpreter() -> None:
    """Keep the garbage collector off what lives as long as the app, and let threads take turns.

    The collector stops every request while it looks at what never changes, and frees nothing there.
    What requests leave behind takes it 2 to 3 ms for every thousand objects.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(2_000, 20, 100)
    sys.setswitchinterval(SWITCH_INTERVAL_S)


async def assemble(
    settings: Settings,
    registry: CollectorRegistry,
    stack: AsyncExitStack,
    library: LawSource,
    clock: Clock,
    engines: tuple[Engine, ...] = (),
    opener: ModelOpener = open_engine,
) -> State:
    """Put the parts together around a library, with `engines` beside the built-in one.

    `stack` closes what is opened.
    """
    words = await asyncio.to_thread(Words.read, settings.answers)
    texts = words.texts
    connection = RedisConnection(str(settings.redis.url), TAG)
    stack.push_async_callback(connection.close)
    await connection.open()
    ring = KeyRing(connection, clock)
    with suppress(RedisError):  # the gate reads them again with the first request
        await ring.refresh()
    limiter = Limiter(connection)
    renewing = asyncio.create_task(limiter.renew_leases(), name="renew leases")
    stack.callback(renewing.cancel)
    tracing = tracing_of("ai_core", settings.tracing)
    stack.push_async_callback(tracing.flush)
    gate = Gate(ring, limiter, GateMetrics(registry), tracing.tracer)
    built_in = (ExtractiveEngine(texts), *engines)
    pool = await stack.enter_async_context(
        open_pool(settings.models, settings.data_dir, built_in, opener, clock)
    )
    ModelCollector(pool, registry)
    prompts = words.prompts
    conversations = Conversations(
        connection,
        silence_s=settings.conversations.silence_s,
        turns_kept=settings.conversations.turns_kept,
    )
    cache = AnswerCache(connection, CacheMetrics(registry))
    scheduler = Scheduler(
        clock,
        SchedulerMetrics(registry),
        most_waiting=settings.answers.most_waiting,
        longest_wait_s=settings.answers.longest_wait_s,
    )
    metrics = AnswerMetrics(registry)
    boilerplate = Boilerplate(texts)
    generation = Generation(pool, scheduler, prompts, boilerplate, metrics)
    pipeline = AnswerPipeline(
        library=library,
        generation=generation,
        abstentions=Abstentions(texts, words.offices),
        clarifications=words.clarifications,
        boilerplate=boilerplate,
        cache=cache,
        conversations=conversations,
        metrics=metrics,
        clock=clock,
        tracer=tracing.tracer,
    )
    return State(
        gate=gate,
        embedder=Embedder(pool, scheduler, clock),
        responder=Responder(
            pipeline, gate, cache, Idempotency(connection), QuestionMetrics(registry), texts, clock
        ),
        resolver=RequestResolver(library, pool, prompts, conversations, clock),
        library=library,
        pool=pool,
        conversations=conversations,
        health=Health(library, pool, scheduler, connection, ring, CorpusMetrics(registry), clock),
        host_metrics=HostMetrics(registry, settings.watch),
        clock=clock,
        concurrency=asyncio.Semaphore(MAX_CONCURRENT),
    )


def create_api(settings: Settings, open_state: Opener, registry: CollectorRegistry) -> FastAPI:
    """Build the routes, and the document that describes them."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[State]:
        async with open_state(settings, registry) as state:
            yield state

    texts = read_texts()
    api = DocumentedApi(
        texts=texts,
        error_formats=DIALECTS,
        error_models={"application/json": ErrorDocument},
        request_headers=REQUEST_HEADERS,
        response_headers=RESPONSE_HEADERS,
        keyed_headers=KEYED_HEADERS,
        examples=EXAMPLES | OPENAI_EXAMPLES,
        title="Code du Travail Neo",
        summary="Answers about French labour law that carry their sources.",
        description=DESCRIPTION,
        version="1",
        openapi_tags=TAGS,
        lifespan=lifespan,
    )
    for router in (
        generate.direct,
        *(chat.direct, chat.router),
        *(knowledge.router, models.router, health.router),
        *(openai.router, openai.direct),
    ):
        api.include_router(router)
    api.include_router(page_router(settings.page))
    api.include_router(docs_router(api))
    add_error_handlers(api, texts, DIALECTS)
    return api


def create_app(settings: Settings, open_state: Opener = open_state) -> ASGIApp:
    """Build the app; tests pass their own `open_state`."""
    registry = CollectorRegistry()
    api = create_api(settings, open_state, registry)
    app = DirectRoutes(api, [generate.direct, chat.direct, openai.direct])
    tracer = tracing_of("ai_core", settings.tracing).tracer
    return traced(edge(app, settings, registry), tracer)


def edge(app: ASGIApp, settings: Settings, registry: CollectorRegistry) -> RequestMiddleware:
    """Put the outermost layer around an app."""
    return RequestMiddleware(
        app,
        metrics=HttpMetrics(registry),
        texts=read_texts(),
        max_body_bytes=settings.server.max_body_bytes,
        error_formats=DIALECTS,
    )
