"""Sends our mail with at-most-once delivery; ambiguous outcomes are not retried.

A row is `sending` before the connection opens, and marked as transmitting before the first byte of
the content is sent. A failure before that is retried; an interruption after it is `unknown`: the
relay may have accepted the mail. 4xx is retried with backoff, 5xx is final, and a relay that
rejects the client itself pauses the queue.
"""

import asyncio
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import aiosmtplib
import structlog

from mail_service.access_tokens import AccessTokens, access_tokens_of
from mail_service.errors import LoginRefused, MailboxLost
from mail_service.ledger.notifications import WorkNotifier
from mail_service.ledger.outgoing import OutgoingQueue
from mail_service.ledger.records import Delivery, OutgoingState
from mail_service.metrics import MailMetrics
from mail_service.settings import SmtpSettings
from shared.clock import Clock
from shared.stores.postgres import PostgresLost

log = structlog.get_logger()

RETRY_S = (60.0, 300.0, 900.0, 3_600.0)
MAX_ATTEMPTS = 52
"""1, 5 and 15 minutes, then hourly: two days in all."""
IDLE_S = 2.0
POSTGRES_PAUSE_S = 1.0
RELAY_PAUSE_S = 300.0
CLIENT_REJECTED = re.compile(r"(530|534|535|538)\b|5\d\d 5\.7\.(?!1\b)\d+")
"""Authentication and policy against the client, not against one mail (RFC 4954, RFC 3463)."""
REPLY_CODE = re.compile(r"\d{3}( \d\.\d{1,3}\.\d{1,3})?")
NO_UTF8 = "the relay takes no addresses in UTF-8"
LEASE_MARGIN_S = 30.0


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """The result of a delivery; `answer` is the relay's reply code, or the name of the error."""

    state: OutgoingState
    answer: str
    client_rejected: bool = False


class BeforeTransmission(Protocol):
    """Called when the content is about to be sent."""

    async def __call__(self) -> bool:
        """Record it; when this raises, or returns False, nothing is sent."""
        ...


async def deliver(
    settings: SmtpSettings,
    delivery: Delivery,
    before_transmission: BeforeTransmission,
    tokens: AccessTokens | None = None,
) -> DeliveryResult:
    """Send one mail to the relay; raises only what `before_transmission` raises.

    What the relay refuses before it knows the recipient is about us, never about this letter, and
    so is a relay that offers no TLS or no login where we want them (a plain SMTPException).
    """
    client = aiosmtplib.SMTP(
        hostname=settings.host,
        port=settings.port,
        timeout=settings.timeout_s,
        use_tls=settings.tls == "implicit",
        start_tls=settings.tls == "starttls",
        tls_context=await asyncio.to_thread(_tls_context, settings),
        username=settings.user or None,
        password=settings.password.get_secret_value() or None if tokens is None else None,
        oauth_token_generator=tokens.token if tokens else None,
    )
    transmitting = about_us = False
    international = not delivery.recipient.isascii()
    try:
        async with asyncio.timeout(settings.timeout_s * 2):
            about_us = True
            await client.connect()
            about_us = not international
            await _open_envelope(client, _envelope_sender(settings, delivery), international)
            about_us = False
            await client.rcpt(delivery.recipient, encoding="utf-8")
            if not await before_transmission():
                return DeliveryResult(OutgoingState.FAILED, "withdrawn")
            transmitting = True
            answer = await client.data(delivery.content)
            return DeliveryResult(OutgoingState.SENT, _reply_code(answer.code, answer.message))
    except aiosmtplib.SMTPResponseException as error:
        if tokens and isinstance(error, aiosmtplib.SMTPAuthenticationError):
            tokens.forget()
        return _rejected(error.code, error.message, about_us=about_us)
    except aiosmtplib.SMTPNotSupported:
        return DeliveryResult(OutgoingState.FAILED, NO_UTF8)
    except (LoginRefused, MailboxLost) as error:
        refused = isinstance(error, LoginRefused)
        return DeliveryResult(OutgoingState.DEFERRED, error.code, client_rejected=refused)
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        state = OutgoingState.UNKNOWN if transmitting else OutgoingState.DEFERRED
        cause = error.__cause__ if _is_untrusted(error.__cause__) else error
        refused = about_us and (_is_untrusted(cause) or type(error) is aiosmtplib.SMTPException)
        return DeliveryResult(state, type(cause).__name__, client_rejected=refused)
    finally:
        client.close()


def _is_untrusted(error: BaseException | None) -> bool:
    """Whether nobody we trust vouches for the relay's certificate."""
    return isinstance(error, ssl.SSLCertVerificationError)


async def _open_envelope(client: aiosmtplib.SMTP, sender: str, international: bool) -> None:
    """Name the sender; for an address in UTF-8 only to a relay that takes them (RFC 6531, 3.2).

    Raises SMTPNotSupported.
    """
    if not international:
        await client.mail(sender)
        return
    await client._ehlo_or_helo_if_needed()
    if not client.supports_extension("smtputf8"):
        raise aiosmtplib.SMTPNotSupported(NO_UTF8)
    await client.mail(sender, options=["SMTPUTF8"])


def _rejected(code: int, message: str, *, about_us: bool) -> DeliveryResult:
    answer = _reply_code(code, message)
    if CLIENT_REJECTED.match(answer) or (about_us and code >= 500):
        return DeliveryResult(OutgoingState.DEFERRED, answer, client_rejected=True)
    permanent = 500 <= code < 600
    return DeliveryResult(OutgoingState.FAILED if permanent else OutgoingState.DEFERRED, answer)


def _reply_code(code: int, message: str) -> str:
    """Return the codes of a reply without its text, which may contain an address."""
    found = REPLY_CODE.match(f"{code} {message}")
    return found[0] if found else str(code)


def _envelope_sender(settings: SmtpSettings, delivery: Delivery) -> str:
    """Return the address for bounces: ours with a token, or the null sender, which cannot loop."""
    if not settings.bounce_domain:
        return ""
    return f"bounces+{delivery.envelope_token}@{settings.bounce_domain}"


def _tls_context(settings: SmtpSettings) -> ssl.SSLContext | None:
    if settings.tls == "none":
        return None
    return ssl.create_default_context(cafile=str(settings.tls_ca) if settings.tls_ca else None)


class Outbox:
    """Sends the mails that are due, until cancelled."""

    def __init__(
        self,
        relays: Mapping[str, SmtpSettings],
        queue: OutgoingQueue,
        notifier: WorkNotifier,
        clock: Clock,
        metrics: MailMetrics,
    ) -> None:
        self._relays = relays
        self._queue = queue
        self._notifier = notifier
        self._clock = clock
        self._metrics = metrics
        self._paused_until_s = 0.0
        self._tokens = {name: access_tokens_of(relay.oauth) for name, relay in relays.items()}
        longest_s = max((relay.timeout_s for relay in relays.values()), default=0.0)
        self._lease_s = LEASE_MARGIN_S + 2 * longest_s

    async def run(self) -> None:
        """Send until cancelled; retries while the ledger is lost."""
        while True:
            try:
                if self._clock.elapsed_s() < self._paused_until_s or not await self.send_one():
                    await self._notifier.wait(IDLE_S)
            except PostgresLost:
                await asyncio.sleep(POSTGRES_PAUSE_S)

    async def send_one(self) -> bool:
        """Send the next mail; False when none is due. Raises PostgresLost."""
        await self._queue.recover_expired()
        delivery = await self._queue.claim(self._lease_s)
        if delivery is None:
            return False

        async def before_transmission() -> bool:
            return await self._queue.mark_transmitting(delivery)

        relay = self._relays.get(delivery.mailbox)
        if relay is None:
            result = DeliveryResult(OutgoingState.DEFERRED, "no relay configured")
        else:
            tokens = self._tokens[delivery.mailbox]
            result = await deliver(relay, delivery, before_transmission, tokens)
        if result.client_rejected:
            log.error("relay rejects the client", mailbox=delivery.mailbox, answer=result.answer)
            self._paused_until_s = self._clock.elapsed_s() + RELAY_PAUSE_S
        self._metrics.relay_paused.labels(delivery.mailbox).set(result.client_rejected)
        await self._record(delivery, result)
        return True

    async def _record(self, delivery: Delivery, result: DeliveryResult) -> None:
        state, retry_s = result.state, 0.0
        if state == OutgoingState.DEFERRED:
            retry_s = RETRY_S[min(delivery.attempts, len(RETRY_S)) - 1]
            if delivery.attempts >= MAX_ATTEMPTS:
                state = OutgoingState.FAILED
        self._metrics.delivered.labels(state).inc()
        if state in {OutgoingState.FAILED, OutgoingState.UNKNOWN}:
            log.error("mail not delivered", mail=delivery.mail_id, state=state, why=result.answer)
        while True:  # the relay has replied: the result must not be lost with the ledger
            try:
                await self._queue.record_result(delivery, state, result.answer, retry_s)
            except PostgresLost:
                await asyncio.sleep(POSTGRES_PAUSE_S)
            else:
                return
