"""Everything answering needs, opened once per worker and closed in reverse order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from opentelemetry.trace import Tracer

from shared.ai.client import AiClient
from shared.clock import Clock, SystemClock
from shared.privacy.disclosure import TEXT_FILE
from shared.privacy.text_masker import TextMasker
from shared.stores.postgres import Postgres
from shared.stores.redis_connection import RedisConnection
from shared.texts import Texts
from shared.web.tracing import tracing_of
from telegram_service.answering.buttons import Buttons
from telegram_service.answering.document_reader import DocumentReader, document_sandbox, scan_reader
from telegram_service.channels.opening import Channels, open_channels
from telegram_service.queue.update_queue import UpdateQueue
from telegram_service.redis_client import redis_client
from telegram_service.settings import AiSettings, Settings
from telegram_service.state.counters import Counters
from telegram_service.state.erasures import Erasures
from telegram_service.state.folded_texts import FoldedTexts
from telegram_service.state.journal import Journal
from telegram_service.state.preferences import PreferenceCache
from telegram_service.state.repeats import Repeats
from telegram_service.state.session_texts import SessionTexts
from telegram_service.state.sessions import Sessions
from telegram_service.state.slots import Slots
from telegram_service.state.store import Store
from telegram_service.state.throttle import Throttle
from telegram_service.state.waitlist import Waitlist
from telegram_service.vault import Vault
from telegram_service.voice.recordings import Recordings, open_recordings

SERVICE = "telegram_service"
TEXTS = Path(__file__).parents[1] / "texts"
SHARED_TEXTS = Path(__file__).parents[2] / "shared" / "texts"
REDIS_TIMEOUT_S = 2.0
BLOCKING_TIMEOUT_S = 5.0
"""More than a blocking read waits."""


@dataclass(frozen=True)
class Services:
    """Stores, clients, channels and settings."""

    settings: Settings
    texts: Texts
    clock: Clock
    tracer: Tracer
    ai: AiClient
    channels: Channels
    buttons: Buttons
    queue: UpdateQueue
    redis: RedisConnection
    vault: Vault
    store: Store
    journal: Journal
    sessions: Sessions
    session_texts: SessionTexts
    erasures: Erasures
    folded_texts: FoldedTexts
    preferences: PreferenceCache
    throttle: Throttle
    repeats: Repeats
    counters: Counters
    slots: Slots
    documents: DocumentReader
    recordings: Recordings | None
    masker: TextMasker


@asynccontextmanager
async def open_services(settings: Settings, vault: Vault) -> AsyncIterator[Services]:
    """Open everything; wait for the channels to say who the bot is. Raises NoToken."""
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(open_redis(settings, REDIS_TIMEOUT_S))
        blocking = await stack.enter_async_context(open_redis(settings, BLOCKING_TIMEOUT_S))
        postgres = Postgres(str(settings.postgres.url))
        stack.push_async_callback(postgres.close)
        await postgres.open()
        tracing = tracing_of(SERVICE, settings.tracing)
        stack.push_async_callback(tracing.flush)
        ai = await stack.enter_async_context(ai_client(settings.ai, tracing.tracer))
        queue = UpdateQueue(redis, vault, blocking)
        channels = await stack.enter_async_context(open_channels(settings, redis, vault, queue))
        store, clock = Store(postgres, vault), SystemClock()
        sessions = Sessions(redis, vault, channels, settings.store.session_hours)
        yield Services(
            settings=settings,
            texts=await asyncio.to_thread(bot_texts),
            clock=clock,
            tracer=tracing.tracer,
            ai=ai,
            channels=channels,
            buttons=Buttons(vault),
            queue=queue,
            redis=redis,
            vault=vault,
            store=store,
            journal=Journal(redis, store, vault),
            sessions=sessions,
            session_texts=SessionTexts(redis, vault, sessions),
            erasures=Erasures(redis, vault),
            folded_texts=FoldedTexts(redis, vault, settings.store.session_hours),
            preferences=PreferenceCache(redis, vault),
            repeats=Repeats(redis, vault),
            throttle=Throttle(redis, settings.limits, clock, vault),
            counters=Counters(redis),
            slots=Slots(settings.ai.at_once, Waitlist(redis)),
            recordings=await stack.enter_async_context(open_recordings(settings.voice)),
            documents=DocumentReader(
                await stack.enter_async_context(document_sandbox()),
                await stack.enter_async_context(scan_reader(settings.scans)),
            ),
            masker=await stack.enter_async_context(TextMasker(names=settings.privacy.names)),
        )


def bot_texts() -> Texts:
    """Read the bot's sentences."""
    return Texts.read(SHARED_TEXTS / "errors.toml", TEXT_FILE, TEXTS / "bot.toml")


def ai_client(settings: AiSettings, tracer: Tracer) -> AiClient:
    """Return the client of ai_core."""
    return AiClient(
        str(settings.url),
        settings.api_key.get_secret_value(),
        channel="telegram",
        tracer=tracer,
        client_certificate=settings.client_certificate,
        tls_ca=settings.tls_ca,
    )


@asynccontextmanager
async def open_redis(settings: Settings, timeout_s: float) -> AsyncIterator[RedisConnection]:
    """Open a connection to Redis, and close it in the end."""
    connection = redis_client(str(settings.redis.url), timeout_s)
    await connection.open()
    try:
        yield connection
    finally:
        await connection.close()
