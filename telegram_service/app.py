"""How telegram_service is put together: what is opened here is closed here, in reverse."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from fastapi import FastAPI, Request
from opentelemetry.trace import Tracer
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from shared.ai.client import AiClient
from shared.clock import SystemClock
from shared.errors import AppError, Unavailable
from shared.host_metrics import Vitals
from shared.privacy.encryption import Vault
from shared.stores.postgres import Postgres
from shared.stores.redis_connection import RedisLink
from shared.texts import Texts
from shared.web.middleware import Edge, HttpMetrics, speak_errors
from shared.web.tracing import traced, tracing_of
from telegram_service.answering.buttons import Buttons
from telegram_service.answering.update_context import Parts
from telegram_service.errors import NoToken
from telegram_service.metrics import NumbersCollector
from telegram_service.queue.polling import poll
from telegram_service.queue.update_queue import Mailbox
from telegram_service.queue.webhook import Webhook
from telegram_service.redis_keys import TAG, Keyspace
from telegram_service.sending.sender import Sender, new_bot
from telegram_service.settings import AiSettings, Settings
from telegram_service.state.counters import Counter, Numbers
from telegram_service.state.journal import JOURNAL, Journal
from telegram_service.state.preferences import PreferenceCache
from telegram_service.state.sessions import Sessions
from telegram_service.state.slots import Slots
from telegram_service.state.store import Store
from telegram_service.state.throttle import Throttle
from telegram_service.state.waitlist import Waitlist

log = structlog.get_logger()

SERVICE = "telegram_service"
TEXTS = Path(__file__).parent / "texts"
SHARED_TEXTS = Path(__file__).parents[1] / "shared" / "texts"
INGEST_TIMEOUT_S = 1.0
"""A webhook answers 503 within this and a little: Telegram's connections are few."""
READER_TIMEOUT_S = 5.0
HEALTH_TIMEOUT_S = 2.0


class HealthReply(BaseModel):
    """What the service says of itself."""

    status: str
    token: bool
    mode: str
    redis: bool
    postgres: bool
    ai_core: bool
    waiting: int | None = None
    journal: int | None = None
    lost: int | None = None
    oldest_s: float | None = None


@dataclass(frozen=True)
class State:
    """What the HTTP side holds open."""

    settings: Settings
    redis: Keyspace
    mailbox: Mailbox
    counter: Counter
    postgres: Postgres
    ai: AiClient


def create_app(settings: Settings) -> ASGIApp:
    """Return the ingest: webhook or polling, health and metrics."""
    registry, tracing = CollectorRegistry(), tracing_of(SERVICE, settings.tracing)
    collector = NumbersCollector(registry)
    link = RedisLink(str(settings.redis.url), TAG, timeout_s=INGEST_TIMEOUT_S)
    redis, mailbox = Keyspace(link), Mailbox(link)
    state = State(
        settings, redis, mailbox, Counter(redis), Postgres(str(settings.postgres.url), size=2),
        client_of(settings.ai, tracing.tracer),
    )  # fmt: skip

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(tracing.flush)
            await stack.enter_async_context(state.ai)
            stack.push_async_callback(link.close)
            await link.open()
            stack.push_async_callback(state.postgres.close)
            await state.postgres.open()
            if settings.bot.mode == "polling" and settings.bot.token.get_secret_value():
                polling = asyncio.create_task(poll(settings, mailbox), name="polling")
                stack.push_async_callback(ended, polling)
            yield

    texts = Texts.read(SHARED_TEXTS / "errors.toml", TEXTS / "errors.toml")
    app = FastAPI(lifespan=lifespan, title="telegram_service", openapi_url=None)
    speak_errors(app, texts)
    webhook = Webhook(mailbox, settings.webhook.secret.get_secret_value())
    app.add_route("/telegram/webhook", webhook.answer, methods=["POST"])
    add_views(app, state, Vitals(registry, settings.watch), collector)
    edge = Edge(app, HttpMetrics(registry), texts, settings.server.max_body_bytes)
    return traced(edge, tracing.tracer)


def client_of(settings: AiSettings, tracer: Tracer) -> AiClient:
    """Return the client that asks ai_core for us."""
    return AiClient(
        str(settings.url),
        settings.api_key.get_secret_value(),
        channel="telegram",
        tracer=tracer,
        client_certificate=settings.client_certificate,
        tls_ca=settings.tls_ca,
    )


def add_views(app: FastAPI, state: State, vitals: Vitals, collector: NumbersCollector) -> None:
    """Add what operators look at."""

    async def live(_request: Request) -> Response:
        return JSONResponse({"status": "live"})

    async def ready(_request: Request) -> Response:
        await state.redis.call("PING")
        return JSONResponse({"status": "ready"})

    async def health(_request: Request) -> Response:
        return JSONResponse(told(state.settings, await look(state)).model_dump())

    async def metrics(_request: Request) -> Response:
        found = await look(state)
        collector.numbers = found.numbers
        for part, up in found.parts.items():
            vitals.parts.labels(part).set(up)
        return Response(await vitals.text(), media_type=CONTENT_TYPE_LATEST)

    for path, view in {
        "/live": live, "/ready": ready, "/health": health, "/metrics": metrics,
    }.items():  # fmt: skip
        app.add_route(path, view, methods=["GET"])


@dataclass(frozen=True)
class Looked:
    """How the parts were found; without Redis there are no numbers."""

    parts: Mapping[str, bool]
    numbers: Numbers | None
    journal: int | None


async def look(state: State) -> Looked:
    """Ask every part how it is, none of them for long."""
    numbers = journal = None
    try:
        numbers = await state.counter.read()
        journal = int(await state.redis.call("XLEN", JOURNAL))
    except (AppError, OSError):
        log.info("redis does not answer")
    postgres, ai = await asyncio.gather(answers(state.postgres), ai_answers(state.ai))
    parts = {"redis": numbers is not None, "postgres": postgres, "ai_core": ai}
    return Looked(parts, numbers, journal)


def told(settings: Settings, found: Looked) -> HealthReply:
    """Return what /health says of what was found."""
    token, numbers = bool(settings.bot.token.get_secret_value()), found.numbers
    good = token and all(found.parts.values())
    return HealthReply(
        status="ok" if good else ("degraded" if token else "waiting for a token"),
        token=token,
        mode=settings.bot.mode,
        redis=found.parts["redis"],
        postgres=found.parts["postgres"],
        ai_core=found.parts["ai_core"],
        waiting=numbers.waiting if numbers else None,
        journal=found.journal,
        lost=numbers.lost if numbers else None,
        oldest_s=numbers.oldest_s if numbers else None,
    )


async def answers(postgres: Postgres) -> bool:
    """Tell whether Postgres answers."""
    try:
        async with asyncio.timeout(HEALTH_TIMEOUT_S):
            await postgres.fetch("SELECT 1")
    except (Unavailable, TimeoutError):
        return False
    return True


async def ai_answers(ai: AiClient) -> bool:
    """Tell whether ai_core answers."""
    try:
        async with asyncio.timeout(HEALTH_TIMEOUT_S):
            await ai.health()
    except (AppError, TimeoutError):
        return False
    return True


@asynccontextmanager
async def open_parts(settings: Settings, vault: Vault) -> AsyncIterator[Parts]:
    """Open everything a worker needs; waits for Telegram to say who the bot is."""
    token = settings.bot.token.get_secret_value()
    if not token:
        raise NoToken
    async with AsyncExitStack() as stack:
        link, reader = (
            RedisLink(str(settings.redis.url), TAG, timeout_s=limit)
            for limit in (INGEST_TIMEOUT_S * 2, READER_TIMEOUT_S)
        )
        for each in (link, reader):
            stack.push_async_callback(each.close)
            await each.open()
        redis = Keyspace(link)
        postgres = Postgres(str(settings.postgres.url))
        stack.push_async_callback(postgres.close)
        await postgres.open()
        tracing = tracing_of(SERVICE, settings.tracing)
        stack.push_async_callback(tracing.flush)
        ai = await stack.enter_async_context(client_of(settings.ai, tracing.tracer))
        bot = new_bot(token, str(settings.bot.api_url))
        stack.push_async_callback(bot.shutdown)
        sender = Sender(bot, redis, settings.limits)
        me = await sender.introduce()
        store, clock = Store(postgres, vault), SystemClock()
        files = (SHARED_TEXTS / "errors.toml", TEXTS / "bot.toml")
        yield Parts(
            settings=settings,
            texts=await asyncio.to_thread(Texts.read, *files),
            redis=redis,
            mailbox=Mailbox(link, reader),
            sender=sender,
            sessions=Sessions(redis, str(me.id), settings.store.session_hours),
            preferences=PreferenceCache(redis),
            store=store,
            journal=Journal(redis, store),
            throttle=Throttle(redis, settings.limits, clock),
            counter=Counter(redis),
            ai=ai,
            tracer=tracing.tracer,
            slots=Slots(settings.ai.at_once, Waitlist(redis)),
            buttons=Buttons(token),
            clock=clock,
            bot_id=me.id,
            bot_name=me.username or "",
        )


async def ended(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end."""
    task.cancel()
    await asyncio.wait([task])
