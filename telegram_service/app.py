"""The HTTP side: updates by webhook or polling, health and metrics."""

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Literal

import structlog
from fastapi import FastAPI, Request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from shared.ai.client import AiClient
from shared.channels import BotHealth, ChannelHealth
from shared.clock import SystemClock
from shared.errors import AppError, Unavailable
from shared.host_metrics import HostMetrics
from shared.stores.postgres import Postgres
from shared.stores.redis_connection import RedisConnection
from shared.texts import Texts
from shared.web.http_metrics import HttpMetrics
from shared.web.middleware import RequestMiddleware
from shared.web.problems import add_error_handlers
from shared.web.tracing import traced, tracing_of
from telegram_service.answering.services import SERVICE, SHARED_TEXTS, TEXTS, ai_client
from telegram_service.channels.line.webhook import LineWebhook
from telegram_service.channels.telegram.polling import PollState, poll
from telegram_service.channels.telegram.webhook import TelegramWebhook
from telegram_service.channels.whatsapp.receipts import Receipts
from telegram_service.channels.whatsapp.webhook import WhatsAppWebhook
from telegram_service.dead_letters_api import DeadLettersApi
from telegram_service.metrics import StatisticsCollector
from telegram_service.queue.dead_letters import DeadLetters
from telegram_service.queue.update_queue import UpdateQueue
from telegram_service.redis_client import redis_client
from telegram_service.settings import Settings
from telegram_service.state.counters import Counters, Statistics
from telegram_service.state.journal import JOURNAL
from telegram_service.vault import Vault

log = structlog.get_logger()

REDIS_TIMEOUT_S = 1.0
"""A webhook answers 503 within this and a little: Telegram's connections are few."""
HEALTH_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class Dependencies:
    """The dependencies that health and metrics check."""

    settings: Settings
    redis: RedisConnection
    counters: Counters
    postgres: Postgres
    ai: AiClient
    polling: PollState


@dataclass(frozen=True)
class HealthCheck:
    """Which dependencies answered; without Redis there are no statistics."""

    up: Mapping[str, bool]
    statistics: Statistics | None
    journal: int | None


def create_app(settings: Settings) -> ASGIApp:
    """Return the application, which opens and closes what it uses.

    Raises WrongSettings when there is no key file.
    """
    registry, tracing = CollectorRegistry(), tracing_of(SERVICE, settings.tracing)
    collector = StatisticsCollector(registry)
    redis = redis_client(str(settings.redis.url), REDIS_TIMEOUT_S)
    vault = Vault.read(settings.store.key_file)
    queue = UpdateQueue(redis, vault)
    postgres = Postgres(str(settings.postgres.url), size=2)
    ai = ai_client(settings.ai, tracing.tracer)
    state = PollState()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(tracing.flush)
            await stack.enter_async_context(ai)
            stack.push_async_callback(redis.close)
            await redis.open()
            stack.push_async_callback(postgres.close)
            await postgres.open()
            if settings.bot.mode == "polling" and settings.bot.token.get_secret_value():
                polling = asyncio.create_task(poll(settings, queue, state), name="polling")
                polling.add_done_callback(lambda task: polling_ended(task, state))
                stack.push_async_callback(cancel, polling)
            yield

    texts = Texts.read(SHARED_TEXTS / "errors.toml", TEXTS / "errors.toml")
    app = FastAPI(lifespan=lifespan, title="telegram_service", openapi_url=None)
    add_error_handlers(app, texts)
    add_webhooks(app, settings, queue, Receipts(redis, vault))
    DeadLettersApi(DeadLetters(redis, queue), settings.server.api_key).add_routes(app)
    dependencies = Dependencies(settings, redis, Counters(redis), postgres, ai, state)
    add_views(app, dependencies, HostMetrics(registry, settings.watch), collector)
    edge = RequestMiddleware(app, HttpMetrics(registry), texts, settings.server.max_body_bytes)
    return traced(edge, tracing.tracer)


def add_webhooks(app: FastAPI, settings: Settings, queue: UpdateQueue, receipts: Receipts) -> None:
    """Add the routes that the channels call; one that is off refuses everybody."""
    telegram = TelegramWebhook(queue, settings.webhook.secret.get_secret_value())
    app.add_route("/telegram/webhook", telegram.answer, methods=["POST"])
    line = LineWebhook(queue, settings.line.channel_secret.get_secret_value())
    app.add_route("/line/webhook", line.answer, methods=["POST"])
    whatsapp = WhatsAppWebhook(queue, receipts, settings.whatsapp, SystemClock())
    app.add_route("/whatsapp/webhook", whatsapp.verify, methods=["GET"])
    app.add_route("/whatsapp/webhook", whatsapp.answer, methods=["POST"])


def add_views(
    app: FastAPI,
    dependencies: Dependencies,
    host_metrics: HostMetrics,
    collector: StatisticsCollector,
) -> None:
    """Add the routes for operators."""

    async def live(_request: Request) -> Response:
        return JSONResponse({"status": "live"})

    async def ready(_request: Request) -> Response:
        await dependencies.redis.call("PING")
        return JSONResponse({"status": "ready"})

    async def health(_request: Request) -> Response:
        reply = health_reply(dependencies, await check_health(dependencies))
        return JSONResponse(reply.model_dump())

    async def metrics(_request: Request) -> Response:
        check = await check_health(dependencies)
        collector.statistics = check.statistics
        for name, up in check.up.items():
            host_metrics.parts.labels(name).set(up)
        return Response(await host_metrics.text(), media_type=CONTENT_TYPE_LATEST)

    for path, view in {
        "/live": live, "/ready": ready, "/health": health, "/metrics": metrics,
    }.items():  # fmt: skip
        app.add_route(path, view, methods=["GET"])


async def check_health(dependencies: Dependencies) -> HealthCheck:
    """Check every dependency, each with a short time limit."""
    statistics = journal = None
    try:
        statistics = await dependencies.counters.read()
        journal = int(await dependencies.redis.call("XLEN", JOURNAL))
    except (AppError, OSError):
        log.info("redis does not answer")
    postgres, ai = await asyncio.gather(
        postgres_answers(dependencies.postgres), ai_answers(dependencies.ai)
    )
    up = {"redis": statistics is not None, "postgres": postgres, "ai_core": ai}
    return HealthCheck(up, statistics, journal)


def health_reply(dependencies: Dependencies, check: HealthCheck) -> BotHealth:
    """Return the body of /health."""
    settings, statistics = dependencies.settings, check.statistics
    channels = channels_health(settings, dependencies.polling)
    on = any(settings.channels.values())
    failing = any(channel.status == "failing" for channel in channels.values())
    healthy = all(check.up.values()) and not failing
    return BotHealth(
        status=("ok" if healthy else "degraded") if on else "waiting for a channel",
        channels=channels,
        redis=check.up["redis"],
        postgres=check.up["postgres"],
        ai_core=check.up["ai_core"],
        waiting=statistics.waiting if statistics else None,
        journal=check.journal,
        lost=statistics.lost if statistics else None,
        oldest_s=statistics.oldest_s if statistics else None,
    )


def channels_health(settings: Settings, polling: PollState) -> dict[str, ChannelHealth]:
    """Return how each channel is; only polling can be seen to fail, a webhook is called or not."""
    found = {
        str(name): ChannelHealth(status="on" if on else "off")
        for name, on in settings.channels.items()
    }
    if settings.bot.mode == "polling" and settings.channels["telegram"]:
        status: Literal["on", "failing"] = "failing" if polling.problem else "on"
        found["telegram"] = ChannelHealth(
            status=status, receives_by="polling", problem=polling.problem
        )
    return found


def polling_ended(task: asyncio.Task[None], state: PollState) -> None:
    """Say that polling has ended by a fault of ours, and end the process: it is started again."""
    if task.cancelled() or (error := task.exception()) is None:
        return
    state.failed(f"polling ended ({type(error).__name__})", 0.0)
    log.critical("polling ended", exc_info=error)
    end_process()


def end_process() -> None:
    """Have the server end as on SIGTERM."""
    signal.raise_signal(signal.SIGTERM)


async def postgres_answers(postgres: Postgres) -> bool:
    """Whether Postgres answers."""
    try:
        async with asyncio.timeout(HEALTH_TIMEOUT_S):
            await postgres.fetch("SELECT 1")
    except (Unavailable, TimeoutError):
        return False
    return True


async def ai_answers(ai: AiClient) -> bool:
    """Whether ai_core answers."""
    try:
        async with asyncio.timeout(HEALTH_TIMEOUT_S):
            await ai.health()
    except (AppError, TimeoutError):
        return False
    return True


async def cancel(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end."""
    task.cancel()
    await asyncio.wait([task])
