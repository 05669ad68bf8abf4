"""mail_service composed for a test: real ledger, real relay, scripted ai_core."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx2
from prometheus_client import CollectorRegistry

from deploy.demos.smtp_relay import RecordingRelay, relay
from mail_service.app import composers_of
from mail_service.ledger.ledger import Ledger
from mail_service.ledger.notifications import WorkNotifier
from mail_service.ledger.records import MailLocation, MailRecord
from mail_service.metrics import MailMetrics
from mail_service.processing.pipeline import Pipeline
from mail_service.processing.services import MailboxConfig, Services
from mail_service.reading.attached_scans import AttachedScans
from mail_service.reply.feedback_links import FeedbackLinks
from mail_service.reply.outbox import Outbox
from mail_service.review.decisions import Reviewer
from mail_service.sender_checks.spam_score import SpamFilter
from mail_service.settings import Settings, SmtpSettings
from shared.ai.client import AiClient
from shared.ai.scripted import ScriptedAi
from shared.clock import StoppedClock
from shared.privacy.encryption import Encryption
from shared.privacy.text_masker import TextMasker
from shared.web.tracing import NO_TRACER
from tests.mail_service.mails import US
from tests.mail_service.shared_readers import shared_readers

TRUSTED = "mx.neo.example"


def settings(mode: str = "automatic", **sections: object) -> Settings:
    """Return settings that name no server."""
    return Settings.model_validate(
        {
            "address": US,
            "mode": mode,
            "authentication": {"server": TRUSTED},
            "worker": {"readers": 1},
            **sections,
        }
    )


@dataclass
class MailApp:
    """The parts of the worker and the reviewer, run step by step."""

    ledger: Ledger
    clock: StoppedClock
    pipeline: Pipeline
    outbox: Outbox
    relay: RecordingRelay
    ai: ScriptedAi
    reviewer: Reviewer
    smtp: SmtpSettings
    feedback_links: FeedbackLinks
    uid: int = 0

    async def receive(
        self, raw: bytes, size_bytes: int | None = None, mailbox: str = "main"
    ) -> int:
        """Add a mail to the ledger; return its id."""
        self.uid += 1
        location = MailLocation(mailbox, "INBOX", 1, self.uid)
        mail_id = await self.ledger.intake.add(location, raw, size_bytes or len(raw))
        assert mail_id is not None
        return mail_id

    async def process_all(self) -> None:
        """Process mails until none is due."""
        while await self.pipeline.process_next():
            pass

    async def send_all(self) -> None:
        """Send replies until none is due."""
        while await self.outbox.send_one():
            pass

    async def answer(self, raw: bytes, mailbox: str = "main") -> MailRecord:
        """Receive and process a mail and send its reply; return its record."""
        mail_id = await self.receive(raw, mailbox=mailbox)
        await self.process_all()
        await self.send_all()
        return await self.ledger.mails.load(mail_id)


@asynccontextmanager
async def open_mail_app(
    ledger: Ledger,
    encryption: Encryption,
    clock: StoppedClock,
    chosen: Settings | None = None,
    **relay_options: object,
) -> AsyncIterator[MailApp]:
    """Open a MailApp over the ledger."""
    chosen = chosen or settings()
    metrics = MailMetrics(CollectorRegistry())
    composers = await asyncio.to_thread(composers_of, chosen, encryption, clock)
    ai = ScriptedAi()
    async with AsyncExitStack() as stack:
        sink = await stack.enter_async_context(relay(**relay_options))
        smtp = SmtpSettings(
            host="127.0.0.1", port=sink.port, tls="none", timeout_s=1, bounce_domain="neo.example"
        )
        notifier = await stack.enter_async_context(WorkNotifier(None))
        transport = httpx2.ASGITransport(app=ai.app)
        client = await stack.enter_async_context(
            AiClient("http://ai", "key", transport=transport, clock=clock)
        )
        spam_filter = SpamFilter(chosen.spam)
        stack.push_async_callback(spam_filter.close)
        services = Services(
            settings=chosen,
            mailboxes={
                box.name: MailboxConfig(box.mode, composers[box.name], smtp.bounce_domain)
                for box in chosen.every_mailbox
            },
            ledger=ledger,
            readers=shared_readers(),
            scans=await stack.enter_async_context(
                AttachedScans(chosen.scans, time_s=10, memory_mib=512)
            ),
            ai=client,
            masker=await stack.enter_async_context(TextMasker(names=chosen.privacy.names)),
            spam_filter=spam_filter,
            notifier=notifier,
            clock=clock,
            metrics=metrics,
            tracer=NO_TRACER,
        )
        yield MailApp(
            ledger=ledger,
            clock=clock,
            pipeline=Pipeline(services),
            outbox=Outbox(
                dict.fromkeys(composers, smtp), ledger.outgoing, notifier, clock, metrics
            ),
            relay=sink,
            ai=ai,
            reviewer=Reviewer(ledger, composers, notifier),
            smtp=smtp,
            feedback_links=FeedbackLinks(chosen.reply.feedback_url, encryption),
        )
