"""mail_service put together for a test: real ledger, real relay, scripted ai_core."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx2
from prometheus_client import CollectorRegistry

from deploy.demos.smtp_relay import RecordingRelay, relay
from mail_service.ledger.notifications import Wake
from mail_service.ledger.store import File, Place, Store
from mail_service.metrics import MailMetrics
from mail_service.pipeline import Box, Pipeline
from mail_service.reading.reader_pool import ReaderPool
from mail_service.reply.letters import Composer, Letterhead
from mail_service.reply.outbox import Outbox
from mail_service.review import Review
from mail_service.sender_checks.spam import SpamFilter
from mail_service.settings import Settings, SmtpSettings
from shared.ai.client import AiClient
from shared.ai.scripted import ScriptedAi
from shared.clock import StoppedClock
from shared.privacy.encryption import Encryption
from shared.web.tracing import NO_TRACER
from tests.mail_service.letters import US

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
class House:
    """Everything a mail meets on its way, worked by hand."""

    store: Store
    clock: StoppedClock
    pipeline: Pipeline
    outbox: Outbox
    relay: RecordingRelay
    ai: ScriptedAi
    composer: Composer
    review: Review
    smtp: SmtpSettings
    uid: int = 0

    async def receive(self, raw: bytes, size_bytes: int | None = None) -> int:
        """Put a mail in the ledger; return its number."""
        self.uid += 1
        place = Place("main", "INBOX", 1, self.uid)
        mail_id = await self.store.admit(place, raw, size_bytes or len(raw))
        assert mail_id is not None
        return mail_id

    async def work(self) -> None:
        """Work until nothing is due."""
        while await self.pipeline.work_on_one():
            pass

    async def send(self) -> None:
        """Send until nothing is due."""
        while await self.outbox.send_one():
            pass

    async def answer(self, raw: bytes) -> File:
        """See a mail through to the relay; return its file."""
        mail_id = await self.receive(raw)
        await self.work()
        await self.send()
        return await self.store.file(mail_id)


@asynccontextmanager
async def house(
    store: Store,
    vault: Encryption,
    clock: StoppedClock,
    wanted: Settings | None = None,
    **ways: object,
) -> AsyncIterator[House]:
    """Open the house; `ways` are the relay's."""
    chosen = wanted or settings()
    metrics = MailMetrics(CollectorRegistry())
    head = Letterhead("Code du Travail Neo", US, plus_addresses=chosen.reply.plus_addresses)
    composer = await asyncio.to_thread(Composer, head, vault)
    ai = ScriptedAi()
    async with AsyncExitStack() as stack:
        sink = await stack.enter_async_context(relay(**ways))
        smtp = SmtpSettings(
            host="127.0.0.1", port=sink.port, tls="none", timeout_s=1, bounce_domain="neo.example"
        )
        wake = await stack.enter_async_context(Wake(None))
        room = await stack.enter_async_context(ReaderPool(1, time_s=10, memory_mib=512))
        transport = httpx2.ASGITransport(app=ai.app)
        client = await stack.enter_async_context(
            AiClient("http://ai", "key", transport=transport, clock=clock)
        )
        spam = SpamFilter(chosen.spam)
        stack.push_async_callback(spam.close)
        yield House(
            store=store,
            clock=clock,
            pipeline=Pipeline(
                chosen, {"main": Box(chosen.mode, composer)}, store, room, client, spam, wake,
                clock, metrics, NO_TRACER,
            ),
            outbox=Outbox({"main": smtp}, store, wake, clock, metrics),
            relay=sink,
            ai=ai,
            composer=composer,
            review=Review(store, {"main": composer}, wake, clock),
            smtp=smtp,
        )  # fmt: skip
