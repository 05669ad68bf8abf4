"""How mail_service is put together: what is opened here is closed here, in reverse.

`open_desk` opens what both programs need, `create_app` is the API and the review page, `work` the
worker: monitors, pipeline, outbox and retention in one process.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import structlog
from fastapi import Depends, FastAPI
from prometheus_client import CollectorRegistry, start_http_server
from starlette.types import ASGIApp

from mail_service.api import health, mails, page, people
from mail_service.api.dependencies import need_key
from mail_service.api.examples import EXAMPLES
from mail_service.api.openapi import DESCRIPTION, TAGS
from mail_service.ledger.notifications import Wake
from mail_service.ledger.retention import Retention
from mail_service.ledger.store import Store
from mail_service.mailboxes.monitor import Monitor
from mail_service.metrics import LedgerMetrics, MailMetrics
from mail_service.pipeline import Box, Pipeline
from mail_service.reading.reader_pool import ReaderPool
from mail_service.reply.letters import Composer, Letterhead, Signer
from mail_service.reply.outbox import Outbox
from mail_service.review import Review
from mail_service.sender_checks.spam import SpamFilter
from mail_service.settings import MailboxSettings, Settings
from shared.ai.client import AiClient
from shared.clock import SystemClock
from shared.host_metrics import HostMetrics
from shared.privacy.encryption import Encryption
from shared.stores.postgres import Postgres, PostgresLost
from shared.texts import Texts
from shared.web.docs_page import docs_router
from shared.web.http_metrics import HttpMetrics
from shared.web.middleware import RequestMiddleware
from shared.web.openapi import DocumentedApi
from shared.web.problems import add_error_handlers
from shared.web.tracing import traced, tracing_of

log = structlog.get_logger()

HERE = Path(__file__).parent
SHARED_TEXTS = Path(__file__).parents[1] / "shared" / "texts"
MIGRATE_PAUSE_S = 2.0


@dataclass(frozen=True)
class Resources:
    """What both programs hold open."""

    store: Store
    wake: Wake
    composers: dict[str, Composer]
    vault: Encryption
    clock: SystemClock


class State(TypedDict):
    """What lives as long as the API."""

    settings: Settings
    store: Store
    review: Review
    host_metrics: HostMetrics
    ledger: LedgerMetrics


@asynccontextmanager
async def open_resources(settings: Settings) -> AsyncIterator[Resources]:
    """Open the ledger, the bell and the letterheads. Raises WrongSettings for a bad key file."""
    clock = SystemClock()
    vault = await asyncio.to_thread(Encryption.read, settings.vault.key_file)
    composers = await asyncio.to_thread(_composers, settings, vault)
    async with AsyncExitStack() as stack:
        postgres = Postgres(str(settings.postgres.url))
        await postgres.open()
        stack.push_async_callback(postgres.close)
        wake = await stack.enter_async_context(Wake(str(settings.redis.url)))
        yield Resources(Store(postgres, vault, clock), wake, composers, vault, clock)


def _composers(settings: Settings, vault: Encryption) -> dict[str, Composer]:
    return {box.name: Composer(_letterhead(settings, box), vault) for box in settings.every_mailbox}


def _letterhead(settings: Settings, box: MailboxSettings) -> Letterhead:
    signer = None
    if settings.dkim.key_file:
        domain = box.address.rpartition("@")[2]
        signer = Signer(settings.dkim.selector, domain, settings.dkim.key_file.read_bytes())
    return Letterhead(
        name=settings.reply.name,
        address=box.address,
        privacy_url=settings.reply.privacy_url,
        text_days=settings.retention.text_days,
        plus_addresses=settings.reply.plus_addresses,
        signer=signer,
    )


async def migrated(store: Store) -> None:
    """Bring the schema forward, waiting for the ledger if it is down."""
    while True:
        try:
            await store.migrate(HERE / "migrations")
        except PostgresLost:
            log.warning("waiting for the ledger")
            await asyncio.sleep(MIGRATE_PAUSE_S)
        else:
            return


@asynccontextmanager
async def open_state(settings: Settings, registry: CollectorRegistry) -> AsyncIterator[State]:
    """Open what the API needs; the schema is brought forward in the background."""
    async with open_resources(settings) as resources:
        migration = asyncio.create_task(migrated(resources.store), name="migration")
        try:
            review = Review(resources.store, resources.composers, resources.wake, resources.clock)
            yield State(
                settings=settings,
                store=resources.store,
                review=review,
                host_metrics=HostMetrics(registry, settings.watch),
                ledger=LedgerMetrics(registry),
            )
        finally:
            migration.cancel()
            await asyncio.wait([migration])


OpenState = Callable[[Settings, CollectorRegistry], AbstractAsyncContextManager[State]]


def read_texts() -> Texts:
    """Read the sentences of every error."""
    return Texts.read(SHARED_TEXTS / "errors.toml", HERE / "texts" / "errors.toml")


def create_api(settings: Settings, open_state: OpenState, registry: CollectorRegistry) -> FastAPI:
    """Build the routes, and the document that describes them."""
    texts = read_texts()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[State]:
        async with open_state(settings, registry) as state:
            yield state

    api = DocumentedApi(
        texts=texts,
        title="Code du Travail Neo, mail",
        summary="Review of the mails that mail_service answers.",
        description=DESCRIPTION,
        version="1",
        openapi_tags=TAGS,
        examples=EXAMPLES,
        lifespan=lifespan,
    )
    for part in (health, mails, people, page):
        api.include_router(part.router)
    api.include_router(docs_router(api, [Depends(need_key)]))
    add_error_handlers(api, texts)
    return api


def create_app(settings: Settings, open_state: OpenState = open_state) -> ASGIApp:
    """Return the API and the review page; tests pass their own `open_state`."""
    registry = CollectorRegistry()
    api = create_api(settings, open_state, registry)
    edge = RequestMiddleware(
        api, HttpMetrics(registry), read_texts(), settings.server.max_body_bytes
    )
    return traced(edge, tracing_of("mail_service", settings.tracing).tracer)


async def work(settings: Settings, stopping: asyncio.Event) -> None:
    """Read, answer and send mail until `stopping`."""
    registry = CollectorRegistry()
    metrics, host_metrics = MailMetrics(registry), HostMetrics(registry, settings.watch)
    async with AsyncExitStack() as stack:
        resources = await stack.enter_async_context(open_resources(settings))
        await migrated(resources.store)
        worker = settings.worker
        if worker.metrics_port:
            server, _ = start_http_server(worker.metrics_port, worker.metrics_host, registry)
            stack.callback(server.server_close)
            stack.push_async_callback(asyncio.to_thread, server.shutdown)
        room = await stack.enter_async_context(
            ReaderPool(worker.readers, time_s=worker.reading_s, memory_mib=worker.reading_mib)
        )
        tracing = tracing_of("mail_service", settings.tracing)
        stack.push_async_callback(tracing.flush)
        ai = await stack.enter_async_context(
            AiClient(
                settings.ai.url,
                settings.ai.api_key.get_secret_value(),
                channel="mail",
                tracer=tracing.tracer,
                client_certificate=settings.ai.client_certificate,
                tls_ca=settings.ai.tls_ca,
            )
        )
        host_metrics.parts.labels("ai_core").set_function(lambda: not ai.failing)
        spam = SpamFilter(settings.spam)
        stack.push_async_callback(spam.close)
        boxes = {
            box.name: Box(box.mode, resources.composers[box.name]) for box in settings.every_mailbox
        }
        pipeline = Pipeline(
            settings,
            boxes,
            resources.store,
            room,
            ai,
            spam,
            resources.wake,
            resources.clock,
            metrics,
            tracing.tracer,
        )
        await _run_all(settings, resources, pipeline, metrics, stopping)


async def _run_all(
    settings: Settings,
    resources: Resources,
    pipeline: Pipeline,
    metrics: MailMetrics,
    stopping: asyncio.Event,
) -> None:
    """Run every loop; the first one that fails for a reason nobody foresaw ends them all."""
    relays = {box.name: box.smtp for box in settings.every_mailbox if box.smtp.host}
    outbox = Outbox(relays, resources.store, resources.wake, resources.clock, metrics)
    retention = Retention(settings.retention, resources.store, resources.clock)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(pipeline.run()) for _ in range(settings.worker.mails)]
        tasks += [group.create_task(outbox.run()) for _ in range(settings.worker.senders)]
        tasks.append(group.create_task(retention.run()))
        for box in settings.every_mailbox:
            if not box.imap.host:
                log.warning("no mailbox configured: waiting for one", mailbox=box.name)
                continue
            monitor = Monitor(
                box,
                resources.store,
                resources.wake,
                resources.clock,
                metrics,
                max_bytes=settings.quotas.max_bytes,
                audit_every_s=settings.worker.audit_every_s,
            )
            tasks.append(group.create_task(monitor.run()))
        await stopping.wait()
        for task in tasks:
            task.cancel()
