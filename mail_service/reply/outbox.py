"""Sends our letters: at most once without a doubt, and never blindly again.

A row says `sending` before the connection opens, and `handed over` before the first byte of the
letter leaves. What fails before that is simply tried again; what is interrupted after it is
`unknown`: the relay may have it. 4xx is tried again with growing pauses, 5xx is final, and a relay
that refuses *us* pauses the queue.
"""

import asyncio
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import aiosmtplib
import structlog

from mail_service.ledger.notifications import Wake
from mail_service.ledger.store import Delivery, OutgoingState, Store
from mail_service.metrics import MailMetrics
from mail_service.settings import SmtpSettings
from shared.clock import Clock
from shared.stores.postgres import PostgresLost

log = structlog.get_logger()

RETRY_S = (60.0, 300.0, 900.0, 3_600.0)
GIVE_UP_AFTER = 52
"""1, 5 and 15 minutes, then hourly: two days in all."""
IDLE_S = 2.0
POSTGRES_PAUSE_S = 1.0
RELAY_PAUSE_S = 300.0
RELAY_REFUSES_US = re.compile(r"(530|534|535|538)\b|5\d\d 5\.7\.(?!1\b)\d+")
"""Authentication and policy against the client, not against one letter (RFC 4954, RFC 3463)."""
SAFE_ANSWER = re.compile(r"\d{3}( \d\.\d{1,3}\.\d{1,3})?")
LEASE_MARGIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Ending:
    """How a delivery ended; `answer` is the relay's code, or the name of what went wrong."""

    state: OutgoingState
    answer: str
    relay_refuses_us: bool = False


class HandingOver(Protocol):
    """Told when the letter itself is about to leave."""

    async def __call__(self) -> None:
        """Write that down; when this raises, nothing leaves."""
        ...


async def deliver(settings: SmtpSettings, delivery: Delivery, handing_over: HandingOver) -> Ending:
    """Give one letter to the relay and say how it ended; raises only what `handing_over` does."""
    client = aiosmtplib.SMTP(
        hostname=settings.host,
        port=settings.port,
        timeout=settings.timeout_s,
        use_tls=settings.tls == "implicit",
        start_tls=settings.tls == "starttls",
        tls_context=await asyncio.to_thread(_tls_context, settings),
        username=settings.user or None,
        password=settings.password.get_secret_value() or None,
    )
    left = False
    try:
        async with asyncio.timeout(settings.timeout_s * 2):
            await client.connect()
            await client.mail(_envelope_sender(settings, delivery))
            await client.rcpt(delivery.recipient)
            await handing_over()
            left = True
            answer = await client.data(delivery.content)
            return Ending("sent", _safe(answer.code, answer.message))
    except aiosmtplib.SMTPResponseException as error:
        return _refused(error.code, error.message)
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        return Ending("unknown" if left else "deferred", type(error).__name__)
    finally:
        client.close()


def _refused(code: int, message: str) -> Ending:
    answer = _safe(code, message)
    if RELAY_REFUSES_US.match(answer):
        return Ending("deferred", answer, relay_refuses_us=True)
    return Ending("failed" if 500 <= code < 600 else "deferred", answer)


def _safe(code: int, message: str) -> str:
    """Return the codes of an answer: its words may hold an address."""
    found = SAFE_ANSWER.match(f"{code} {message}")
    return found[0] if found else str(code)


def _envelope_sender(settings: SmtpSettings, delivery: Delivery) -> str:
    """Return where bounces go: to us with a token, or nowhere (a null path cannot loop)."""
    if not settings.bounce_domain:
        return ""
    return f"bounces+{delivery.envelope_token}@{settings.bounce_domain}"


def _tls_context(settings: SmtpSettings) -> ssl.SSLContext | None:
    if settings.tls == "none":
        return None
    return ssl.create_default_context(cafile=str(settings.tls_ca) if settings.tls_ca else None)


class Outbox:
    """Sends what is due, until cancelled."""

    def __init__(
        self,
        relays: Mapping[str, SmtpSettings],
        store: Store,
        wake: Wake,
        clock: Clock,
        metrics: MailMetrics,
    ) -> None:
        self._relays = relays
        self._store = store
        self._wake = wake
        self._clock = clock
        self._metrics = metrics
        self._paused_until_s = 0.0
        longest_s = max((relay.timeout_s for relay in relays.values()), default=0.0)
        self._lease_s = LEASE_MARGIN_S + 2 * longest_s

    async def run(self) -> None:
        """Send for ever; a lost ledger is waited for."""
        while True:
            try:
                if self._clock.elapsed_s() < self._paused_until_s or not await self.send_one():
                    await self._wake.wait(IDLE_S)
            except PostgresLost:
                await asyncio.sleep(POSTGRES_PAUSE_S)

    async def send_one(self) -> bool:
        """Send the next letter; False when none is due. Raises PostgresLost."""
        await self._store.recover()
        delivery = await self._store.take_outgoing(self._lease_s)
        if delivery is None:
            return False

        async def handing_over() -> None:
            await self._store.handing_over(delivery)

        relay = self._relays.get(delivery.mailbox)
        if relay is None:
            ending = Ending("deferred", "no relay configured")
        else:
            ending = await deliver(relay, delivery, handing_over)
        if ending.relay_refuses_us:
            log.error("relay refuses us", mailbox=delivery.mailbox, answer=ending.answer)
            self._paused_until_s = self._clock.elapsed_s() + RELAY_PAUSE_S
        self._metrics.relay_paused.labels(delivery.mailbox).set(ending.relay_refuses_us)
        await self._write_down(delivery, ending)
        return True

    async def _write_down(self, delivery: Delivery, ending: Ending) -> None:
        state, retry_s = ending.state, None
        if state == "deferred":
            retry_s = RETRY_S[min(delivery.attempts, len(RETRY_S)) - 1]
            if delivery.attempts >= GIVE_UP_AFTER:
                state = "failed"
        self._metrics.delivered.labels(state).inc()
        if state in {"failed", "unknown"}:
            log.error("reply not delivered", mail=delivery.mail_id, state=state, why=ending.answer)
        while True:  # the relay has spoken: what it said must not be lost with the ledger
            try:
                await self._store.delivered(delivery, state, ending.answer, retry_s)
            except PostgresLost:
                await asyncio.sleep(POSTGRES_PAUSE_S)
            else:
                return
