"""Composition of mail_service: what is opened here is closed here, in reverse order.

`open_resources` opens what both programs need, `create_app` is the API and the review page, `work`
is the worker: monitors, pipeline, outbox and retention in one process.
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

from mail_service.api import feedback, health, mails, page, people
from mail_service.api.dependencies import need_key
from mail_service.api.examples import EXAMPLES
from mail_service.api.openapi import DESCRIPTION, TAGS
from mail_service.ledger.ledger import Ledger
from mail_service.ledger.notifications import WorkNotifier
from mail_service.ledger.retention import RetentionJob
from mail_service.mailboxes.monitor import Monitor
from mail_service.metrics import LedgerMetrics, MailMetrics
from mail_service.processing.feedback_forwarding import FeedbackForwarding
from mail_service.processing.pipeline import Pipeline
from mail_service.processing.services import MailboxConfig, Services
from mail_service.reading.attached_scans import AttachedScans
from mail_service.reading.reader_pool import ReaderPool
from mail_service.reply.composer import ReplyComposer
from mail_service.reply.feedback_links import FeedbackLinks
from mail_service.reply.feedback_pages import FeedbackPages
from mail_service.reply.identity import DkimSigner, SenderIdentity
from mail_service.reply.outbox import Outbox
from mail_service.review.decisions import Reviewer
from mail_service.review.reasons import Reasons
from mail_service.sender_checks.spam_score import SpamFilter
from mail_service.settings import MailboxSettings, Settings
from shared.ai.client import AiClient
from shared.clock import Clock, SystemClock
from shared.host_metrics import HostMetrics
from shared.privacy.disclosure import TEXT_FILE
from shared.privacy.encryption import Encryption
from shared.privacy.text_masker import TextMasker
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
    """Objects that both programs open; `composers` by mailbox."""

    ledger: Ledger
    notifier: WorkNotifier
    composers: dict[str, ReplyComposer]
    feedback_pages: FeedbackPages
    clock: SystemClock


class AppState(TypedDict):
    """Objects with the lifetime of the API."""

    settings: Settings
    ledger: Ledger
    reviewer: Reviewer
    reasons: Reasons
    personal_data_texts: Texts
    feedback_pages: FeedbackPages
    host_metrics: HostMetrics
    ledger_metrics: LedgerMetrics


@asynccontextmanager
async def open_resources(settings: Settings) -> AsyncIterator[Resources]:
    """Open the ledger and the notifier, read templates and keys.

    Raises WrongSettings for a bad key file.
    """
    clock = SystemClock()
    encryption = await asyncio.to_thread(Encryption.read, settings.vault.key_file)
    composers = await asyncio.to_thread(composers_of, settings, encryption, clock)
    links = FeedbackLinks(settings.reply.feedback_url, encryption)
    pages = await asyncio.to_thread(FeedbackPages, links)
    async with AsyncExitStack() as stack:
        postgres = Postgres(str(settings.postgres.url))
        await postgres.open()
        stack.push_async_callback(postgres.close)
        notifier = await stack.enter_async_context(WorkNotifier(str(settings.redis.url)))
        ledger = Ledger(postgres, encryption, clock)
        yield Resources(ledger, notifier, composers, pages, clock)


def composers_of(
    settings: Settings, encryption: Encryption, clock: Clock
) -> dict[str, ReplyComposer]:
    """Return the composer of each mailbox. Reads files: not in the event loop."""
    return {
        mailbox.name: ReplyComposer(_identity(settings, mailbox), encryption, clock)
        for mailbox in settings.every_mailbox
    }


def _identity(settings: Settings, mailbox: MailboxSettings) -> SenderIdentity:
    signer = None
    if settings.dkim.key_file:
        domain = mailbox.address.rpartition("@")[2]
        signer = DkimSigner(settings.dkim.selector, domain, settings.dkim.key_file.read_bytes())
    return SenderIdentity(
        name=mailbox.sender_name or settings.reply.name,
        address=mailbox.address,
        language=mailbox.language,
        signature=mailbox.signature,
        privacy_url=settings.reply.privacy_url,
        feedback_url=settings.reply.feedback_url,
        text_days=settings.retention.text_days,
        plus_addresses=settings.reply.plus_addresses,
        signer=signer,
    )


async def migrated(ledger: Ledger) -> None:
    """Apply the missing migrations, waiting for Postgres while it is down."""
    while True:
        try:
            await ledger.migrate()
        except PostgresLost:
            log.warning("waiting for the ledger")
            await asyncio.sleep(MIGRATE_PAUSE_S)
        else:
            return


@asynccontextmanager
async def open_state(settings: Settings, registry: CollectorRegistry) -> AsyncIterator[AppState]:
    """Open what the API needs; migrations are applied in the background."""
    async with open_resources(settings) as resources:
        ledger = resources.ledger
        reasons = await asyncio.to_thread(Reasons.read)
        personal_data_texts = await asyncio.to_thread(Texts.read, TEXT_FILE)
        migration = asyncio.create_task(migrated(ledger), name="migration")
        try:
            yield AppState(
                settings=settings,
                ledger=ledger,
                reviewer=Reviewer(ledger, resources.composers, resources.notifier),
                reasons=reasons,
                personal_data_texts=personal_data_texts,
                feedback_pages=resources.feedback_pages,
                host_metrics=HostMetrics(registry, settings.watch),
                ledger_metrics=LedgerMetrics(registry),
            )
        finally:
            migration.cancel()
            await asyncio.wait([migration])


OpenState = Callable[[Settings, CollectorRegistry], AbstractAsyncContextManager[AppState]]


def read_texts() -> Texts:
    """Read the sentences of every error."""
    return Texts.read(SHARED_TEXTS / "errors.toml", HERE / "texts" / "errors.toml")


def create_api(settings: Settings, open_state: OpenState, registry: CollectorRegistry) -> FastAPI:
    """Build the routes, and the document that describes them."""
    texts = read_texts()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[AppState]:
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
    for part in (health, mails, people, feedback, page):
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
        await migrated(resources.ledger)
        _serve_metrics(stack, settings, registry)
        services = await _open_services(stack, settings, resources, metrics, host_metrics)
        await _run_all(services, stopping)


def _serve_metrics(stack: AsyncExitStack, settings: Settings, registry: CollectorRegistry) -> None:
    worker = settings.worker
    if worker.metrics_port:
        server, _ = start_http_server(worker.metrics_port, worker.metrics_host, registry)
        stack.callback(server.server_close)
        stack.push_async_callback(asyncio.to_thread, server.shutdown)


async def _open_services(
    stack: AsyncExitStack,
    settings: Settings,
    resources: Resources,
    metrics: MailMetrics,
    host_metrics: HostMetrics,
) -> Services:
    worker = settings.worker
    readers = await stack.enter_async_context(
        ReaderPool(worker.readers, time_s=worker.reading_s, memory_mib=worker.reading_mib)
    )
    scans = await stack.enter_async_context(
        AttachedScans(settings.scans, time_s=worker.reading_s, memory_mib=worker.reading_mib)
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
    spam_filter = SpamFilter(settings.spam)
    stack.push_async_callback(spam_filter.close)
    return Services(
        settings=settings,
        mailboxes={
            mailbox.name: MailboxConfig(
                mailbox.mode, resources.composers[mailbox.name], mailbox.smtp.bounce_domain
            )
            for mailbox in settings.every_mailbox
        },
        ledger=resources.ledger,
        readers=readers,
        scans=scans,
        ai=ai,
        masker=await stack.enter_async_context(TextMasker(names=settings.privacy.names)),
        spam_filter=spam_filter,
        notifier=resources.notifier,
        clock=resources.clock,
        metrics=metrics,
        tracer=tracing.tracer,
    )


async def _run_all(services: Services, stopping: asyncio.Event) -> None:
    """Run every loop; the first one that fails unexpectedly ends them all."""
    settings, ledger, clock = services.settings, services.ledger, services.clock
    notifier, metrics = services.notifier, services.metrics
    mailboxes = settings.every_mailbox
    relays = {mailbox.name: mailbox.smtp for mailbox in mailboxes if mailbox.smtp.host}
    pipeline = Pipeline(services)
    outbox = Outbox(relays, ledger.outgoing, notifier, clock, metrics)
    retention = RetentionJob(settings.retention, ledger.retention, clock)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(pipeline.run()) for _ in range(settings.worker.mails)]
        tasks += [group.create_task(outbox.run()) for _ in range(settings.worker.senders)]
        tasks.append(group.create_task(retention.run()))
        forwarding = FeedbackForwarding(ledger.feedback, services.ai)
        tasks.append(group.create_task(forwarding.run()))
        for mailbox in mailboxes:
            if not mailbox.imap.host:
                log.warning("no mailbox configured: waiting for one", mailbox=mailbox.name)
                continue
            monitor = Monitor(
                mailbox,
                ledger,
                notifier,
                clock,
                metrics,
                max_bytes=settings.quotas.max_bytes,
                audit_every_s=settings.worker.audit_every_s,
            )
            tasks.append(group.create_task(monitor.run()))
        await stopping.wait()
        for task in tasks:
            task.cancel()
