"""Composition root of ai_core: opens everything it owns, once, and closes it in reverse order."""

import asyncio
import gc
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

from opentelemetry.trace import Tracer
from prometheus_client import CollectorRegistry
from redis.exceptions import RedisError
from starlette.types import ASGIApp

from ai_core.access.gate import Gate, GateMetrics
from ai_core.access.hosts import OwnHosts
from ai_core.access.idempotency import Idempotency
from ai_core.access.keys import KeyRing
from ai_core.access.rate_limits import Limiter
from ai_core.access.usage import KeyUsage
from ai_core.access.visitors import Visitors, read_visitor_secret
from ai_core.answering.abstention import Abstentions
from ai_core.answering.boilerplate import Boilerplate, read_texts
from ai_core.answering.cache import AnswerCache, CacheMetrics
from ai_core.answering.calculation.answering import CalculatedAnswers
from ai_core.answering.calculation.computing import Calculations
from ai_core.answering.claims import AnswerClaims
from ai_core.answering.conversations import ConversationStore
from ai_core.answering.embeddings import Embedder
from ai_core.answering.entries.answering import EntryAnswers
from ai_core.answering.entries.choosing import EntriesSource, EntryChoice
from ai_core.answering.flags import Flags
from ai_core.answering.generation import Generation
from ai_core.answering.masking import TextMasking, masking_sandbox
from ai_core.answering.pipeline import AnswerPipeline
from ai_core.answering.prompts import Prompts
from ai_core.answering.recording import AnswerRecorder
from ai_core.answering.request import RequestResolver
from ai_core.answering.suggestions import Suggestions
from ai_core.answering.tables import read_tables
from ai_core.answering.trial import Trials
from ai_core.api.answer_log import AnswerLog
from ai_core.api.connection_limits import ConnectionLimits
from ai_core.api.cross_origin import CrossOrigin
from ai_core.api.direct_routes import MAX_CONCURRENT, DirectRoutes
from ai_core.api.mcp.opening import open_mcp_server
from ai_core.api.processing_line import ProcessingLine
from ai_core.api.responder import Responder
from ai_core.api.routes import DIRECT, ERROR_FORMATS, AppState, OpenState, create_api
from ai_core.api.running_answers import RunningAnswers
from ai_core.api.status import Health
from ai_core.api.websocket import SocketMetrics, Sockets
from ai_core.calculators.sources import CheckedRules
from ai_core.console.desk import Access, open_desk
from ai_core.engines.base import Engine
from ai_core.engines.extractive.engine import ExtractiveEngine
from ai_core.errors import CorpusMissing, CorpusRefused, QueueFull
from ai_core.knowledge.confidence import MatchConfidence
from ai_core.knowledge.entries_in_use import CheckedEntries
from ai_core.knowledge.entry_folders import EntryFolders
from ai_core.knowledge.published import published_entries
from ai_core.knowledge.publishing import EntryPublisher
from ai_core.law.library import Library
from ai_core.law.source import LawSource
from ai_core.law.versions import CorpusVersions
from ai_core.metrics import AnswerMetrics, CorpusMetrics, QuestionMetrics, SchedulerMetrics
from ai_core.models.contract import Models, Queues
from ai_core.models.host.client import HostedModels, HostedQueues, HostSocket
from ai_core.models.metrics import ModelCollector
from ai_core.models.opening import open_engine
from ai_core.models.pool import open_pool
from ai_core.models.registry import Registry
from ai_core.models.scheduler import Scheduler
from ai_core.models.slot import Opener as ModelOpener
from ai_core.records.database import open_records
from ai_core.records.entry_store import EntryStore
from ai_core.records.events import EventWriter, event_writer
from ai_core.records.feedback import Feedback
from ai_core.records.kept_conversations import KeptConversations
from ai_core.records.product_metrics import product_metrics
from ai_core.redis_keys import TAG
from ai_core.settings import MODELS_SOCKET, Settings
from shared.clock import Clock, SystemClock
from shared.host_metrics import HostMetrics
from shared.privacy.text_masker import load_names
from shared.stores.redis_connection import RedisConnection
from shared.texts import Texts
from shared.web.http_metrics import HttpMetrics
from shared.web.middleware import RequestMiddleware
from shared.web.tracing import traced, tracing_of
from shared.worker_metrics import new_registry

SWITCH_INTERVAL_S = 0.0005
"""How long the event loop may keep the interpreter from the library's thread, which gives it up
some fifty times a search: with Python's 5 ms a busy loop halves the answers a second."""
READING_S = 60.0
"""How long a worker reads the law before it serves all the same; see `serving.ANSWERS_WITHIN_S`."""


@asynccontextmanager
async def open_state(settings: Settings, registry: CollectorRegistry) -> AsyncIterator[AppState]:
    """Open everything the app needs, and close it on exit."""
    async with AsyncExitStack() as stack:
        library = Library(CorpusVersions(settings.data_dir))
        stack.push_async_callback(library.close)
        state = await assemble(settings, registry, stack, library, SystemClock())
        if settings.server.workers > 1:
            await read_the_law(state)
        tune_the_interpreter()
        yield state


async def read_the_law(state: AppState) -> None:
    """Read what the first question would wait for, before this worker takes another's place."""
    with suppress(TimeoutError):
        async with asyncio.timeout(READING_S):
            await check_against_law(state["calculator_rules"], state["entries"])


def tune_the_interpreter() -> None:
    """Exclude long-lived objects from garbage collection, and shorten the thread switch interval.

    A collection stops every request, and scanning objects that never change frees nothing. What
    requests leave behind takes 2 to 3 ms for every thousand objects.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(2_000, 20, 100)
    sys.setswitchinterval(SWITCH_INTERVAL_S)


class Platform(NamedTuple):
    """Objects that every room depends on."""

    settings: Settings
    registry: CollectorRegistry
    clock: Clock
    texts: Texts
    connection: RedisConnection
    tracer: Tracer


async def assemble(
    settings: Settings,
    registry: CollectorRegistry,
    stack: AsyncExitStack,
    library: LawSource,
    clock: Clock,
    engines: tuple[Engine, ...] = (),
    opener: ModelOpener = open_engine,
) -> AppState:
    """Build the app's objects around a library, with `engines` beside the built-in one.

    `stack` closes what is opened.
    """
    platform = await open_platform(settings, registry, stack, clock)
    records = await stack.enter_async_context(open_records(settings.postgres, clock))
    access, gate = await open_access(platform, stack)
    built_in = (ExtractiveEngine(platform.texts), *engines)
    pool, scheduler = await open_models(platform, stack, built_in, opener)
    conversations = ConversationStore(
        platform.connection,
        silence_s=settings.conversations.silence_s,
        turns_kept=settings.conversations.turns_kept,
    )
    rules = CheckedRules(library, clock)
    entry_store = EntryStore(records, clock)
    published = await stack.enter_async_context(published_entries(records, entry_store))
    folders = EntryFolders(settings.data_dir, settings.knowledge.folder, settings.knowledge.shipped)
    entries = CheckedEntries(library, folders, clock, published)
    writer = await stack.enter_async_context(event_writer(records, registry))
    await stack.enter_async_context(product_metrics(records, clock, registry))
    if records.state != "off":
        publisher = EntryPublisher(entry_store, folders)
        stack.callback(asyncio.create_task(publisher.run(), name="publish entries").cancel)
    resolver, responder, trials = await asyncio.to_thread(
        lambda: open_answering(
            *(platform, gate, library, rules, entries, pool, scheduler, conversations, writer)
        )
    )
    checking = asyncio.create_task(check_against_law(rules, entries), name="check the law")
    stack.callback(checking.cancel)
    health = Health(
        *(library, rules, entries, pool, scheduler, platform.connection, records, access.ring),
        *(CorpusMetrics(registry), clock),
    )
    return AppState(
        gate=gate,
        embedder=Embedder(pool, scheduler, clock),
        responder=responder,
        resolver=resolver,
        library=library,
        calculator_rules=rules,
        entries=entries,
        published=published,
        trials=trials,
        pool=pool,
        conversations=conversations,
        health=health,
        host_metrics=HostMetrics(registry, settings.watch),
        clock=clock,
        concurrency=ProcessingLine(MAX_CONCURRENT),
        answer_line=responder.line,
        masking=await open_masking(settings, stack),
        records=records,
        mcp_server=await stack.enter_async_context(open_mcp_server()),
        desk=await stack.enter_async_context(
            open_desk(settings, platform.connection, records, access, clock)
        ),
        event_writer=writer,
        entry_store=entry_store,
        feedback=Feedback(records, clock),
        kept_conversations=KeptConversations(records),
        sockets=open_sockets(platform, stack),
    )


async def open_models(
    platform: Platform, stack: AsyncExitStack, built_in: Sequence[Engine], opener: ModelOpener
) -> tuple[Models, Queues]:
    """Open the models: this process's own, or, in one of several workers, those of the host."""
    settings, registry, clock = platform.settings, platform.registry, platform.clock
    longest_wait_s = settings.answers.longest_wait_s
    if socket := os.environ.get(MODELS_SOCKET):
        folder = settings.models.folder or settings.data_dir / "models"
        default = settings.models.default
        models = await asyncio.to_thread(Registry.read, folder, built_in, default)
        host = HostSocket(Path(socket))
        hosted = HostedModels(host, models, settings.models.wait_s)
        following = asyncio.create_task(hosted.run(), name="follow the models")
        stack.callback(following.cancel)
        ModelCollector(hosted, registry)
        return hosted, HostedQueues(host, hosted, longest_wait_s)
    pool = await stack.enter_async_context(
        open_pool(settings.models, settings.data_dir, built_in, opener, clock)
    )
    ModelCollector(pool, registry)
    scheduler = Scheduler(
        clock,
        SchedulerMetrics(registry),
        most_waiting=settings.answers.most_waiting,
        longest_wait_s=longest_wait_s,
    )
    return pool, scheduler


def open_sockets(platform: Platform, stack: AsyncExitStack) -> Sockets:
    """Return what WebSocket connections share; answers under way are stopped at the end."""
    settings = platform.settings.websocket
    answers = RunningAnswers(AnswerLog(platform.connection))
    stack.push_async_callback(answers.close)
    return Sockets(
        answers=answers,
        limits=ConnectionLimits(most=settings.most_connections, per_visitor=settings.per_visitor),
        metrics=SocketMetrics(platform.registry),
        texts=platform.texts,
        idle_s=settings.idle_s,
    )


async def check_against_law(rules: CheckedRules, entries: CheckedEntries) -> None:
    """Compare rules and knowledge entries with the law; without one, `Health` does it later."""
    with suppress(CorpusMissing, CorpusRefused, QueueFull):
        await rules.current()
        await entries.current()


async def open_masking(settings: Settings, stack: AsyncExitStack) -> TextMasking:
    """Open the masking; a model of names is loaded before the first question."""
    names = settings.privacy.names
    sandbox = await stack.enter_async_context(masking_sandbox(names=names))
    if names:
        await load_names(sandbox)
    return TextMasking(sandbox, names=names)


async def open_platform(
    settings: Settings, registry: CollectorRegistry, stack: AsyncExitStack, clock: Clock
) -> Platform:
    """Open Redis, which may be lost, and tracing; read the texts."""
    connection = RedisConnection(str(settings.redis.url), TAG)
    stack.push_async_callback(connection.close)
    await connection.open()
    tracing = tracing_of("ai_core", settings.tracing)
    stack.push_async_callback(tracing.flush)
    texts = await asyncio.to_thread(read_texts)
    return Platform(settings, registry, clock, texts, connection, tracing.tracer)


async def open_access(platform: Platform, stack: AsyncExitStack) -> tuple[Access, Gate]:
    """Read the keys, and begin to renew the leases of open requests and to write usage down."""
    ring = KeyRing(platform.connection, platform.clock)
    with suppress(RedisError):  # the gate reads them again with the first request
        await ring.refresh()
    processes = platform.settings.server.workers
    limiter = Limiter(platform.connection, processes=processes)
    renewing = asyncio.create_task(limiter.renew_leases(), name="renew leases")
    stack.callback(renewing.cancel)
    usage = KeyUsage(platform.connection, platform.clock)
    writing = asyncio.create_task(usage.keep_writing(), name="write the usage of keys")
    stack.callback(writing.cancel)
    settings = platform.settings
    secret_file = settings.page.visitor_secret_file or settings.data_dir / "visitor_secret"
    visitors = Visitors(await asyncio.to_thread(read_visitor_secret, secret_file))
    metrics = GateMetrics(platform.registry)
    hosts = OwnHosts(settings.page.hosts, settings.server.host)
    gate = Gate(ring, limiter, metrics, visitors, hosts, platform.tracer, usage)
    return Access(ring, usage, visitors, hosts), gate


def open_answering(
    platform: Platform,
    gate: Gate,
    library: LawSource,
    rules: CheckedRules,
    entries: CheckedEntries,
    pool: Models,
    scheduler: Queues,
    conversations: ConversationStore,
    writer: EventWriter,
) -> tuple[RequestResolver, Responder, Trials]:
    """Read the files answers are made with (this blocks), and connect the steps of an answer."""
    settings, registry, clock, texts, connection, tracer = platform
    services, missing_laws, clarifications, version_of_calculations = read_tables()
    prompts = Prompts.read(passage_tokens=settings.answers.passage_tokens)
    metrics, boilerplate = AnswerMetrics(registry), Boilerplate(texts)
    cache = AnswerCache(connection, CacheMetrics(registry))
    calculations = Calculations(library, rules)
    confidence, quoting = MatchConfidence.read(), ExtractiveEngine(texts)
    pipeline_with = partial(
        AnswerPipeline,
        library=library,
        generation=Generation(
            *(pool, scheduler, prompts, boilerplate, metrics),
            *(ExtractiveEngine(texts), settings.answers),
        ),
        abstentions=Abstentions(texts, services, missing_laws),
        clarifications=clarifications,
        suggestions=Suggestions.read(),
        boilerplate=boilerplate,
        calculated=CalculatedAnswers(calculations, library, boilerplate, clock),
        cache=cache,
        claims=AnswerClaims(connection),
        conversations=conversations,
        metrics=metrics,
        clock=clock,
        tracer=tracer,
    )

    def answers_with(source: EntriesSource) -> AnswerPipeline:
        choice = EntryChoice(source, library, confidence)
        answers = EntryAnswers(choice, library, quoting, texts, missing_laws)
        return pipeline_with(entries=answers)

    pipeline = answers_with(entries)
    questions, idempotency = QuestionMetrics(registry), Idempotency(connection)
    recorder = AnswerRecorder(writer, entries.category_of, clock)
    responder = Responder(pipeline, gate, cache, idempotency, questions, recorder, texts, clock)
    resolver = RequestResolver(
        *(library, pool, prompts, conversations, clarifications, clock),
        version_of_calculations,
        *(entries, Flags.of(settings, prompts)),
    )
    choice = EntryChoice(entries, library, confidence)
    return resolver, responder, Trials(resolver, entries, choice, answers_with)


def create_app(settings: Settings, open_state: OpenState = open_state) -> ASGIApp:
    """Build the app; tests pass their own `open_state`."""
    registry = new_registry()
    api = create_api(settings, open_state, registry)
    tracer = tracing_of("ai_core", settings.tracing).tracer
    served = CrossOrigin(DirectRoutes(api, DIRECT))
    return traced(with_middleware(served, settings, registry), tracer)


def with_middleware(
    app: ASGIApp, settings: Settings, registry: CollectorRegistry
) -> RequestMiddleware:
    """Wrap the app in the outermost middleware."""
    return RequestMiddleware(
        app,
        metrics=HttpMetrics(registry),
        texts=read_texts(),
        max_body_bytes=settings.server.max_body_bytes,
        error_formats=ERROR_FORMATS,
    )
