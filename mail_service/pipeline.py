"""The story of a mail: read → reasons not to answer → thread → mask → ask → gate → reply → outbox.

Every step can be repeated; what came of a mail is written in one transaction with its reply. What
the sender wrote is data: it reaches the model as a question, and nothing that comes back chooses a
recipient, a header or a link.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, replace
from traceback import walk_tb
from typing import Protocol

import structlog
from opentelemetry.trace import Tracer

from mail_service.errors import AiTooSlow, SpamFilterLost, TotalRateReached, Unreadable
from mail_service.ledger.notifications import Wake
from mail_service.ledger.store import Outcome, Store, Thread, Work
from mail_service.metrics import MailMetrics
from mail_service.question import question_of
from mail_service.reading.bounce_report import BounceReport
from mail_service.reading.message import Mail
from mail_service.reading.reader_pool import ReaderPool
from mail_service.reply.confidence_check import doubt
from mail_service.reply.data_requests import copy_of, wants_copy, wants_erasure
from mail_service.reply.letters import Composer, clean_subject
from mail_service.rules import Finding, reasons_not_to_answer
from mail_service.rules.context import RuleContext
from mail_service.rules.quotas import total_rate_reached
from mail_service.sender_checks.authentication import (
    AuthenticationResult,
    trusted_result,
    verify_sender,
)
from mail_service.sender_checks.spam import SpamFilter
from mail_service.settings import Mode, Settings
from shared.ai.contract import ChatReply, ChatRequest
from shared.clock import Clock
from shared.errors import AppError, BadInput
from shared.languages import Language, language_of
from shared.privacy.masking import unmask
from shared.stores.postgres import PostgresLost

log = structlog.get_logger()

RETRY_S = (10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
MAX_COPIED = 500
MAX_ATTEMPTS = 300
"""With a pause of 10 minutes this is two days: then a person looks at it."""
IDLE_S = 2.0
POSTGRES_PAUSE_S = 1.0


class Ai(Protocol):
    """What answers: shared.ai.client.AiClient, or a scripted one."""

    def chat(
        self, request: ChatRequest, *, idempotency_key: str | None = None
    ) -> Awaitable[ChatReply]:
        """Give the next turn. Raises the tree of shared.errors."""
        ...


@dataclass(frozen=True, slots=True)
class Box:
    """One of our mailboxes, as the pipeline sees it."""

    mode: Mode
    composer: Composer


class Pipeline:
    """Works on mails, one at a time per worker, until cancelled."""

    def __init__(
        self,
        settings: Settings,
        boxes: Mapping[str, Box],
        store: Store,
        room: ReaderPool,
        ai: Ai,
        spam: SpamFilter,
        wake: Wake,
        clock: Clock,
        metrics: MailMetrics,
        tracer: Tracer,
    ) -> None:
        self._settings = settings
        self._boxes = boxes
        self._store = store
        self._room = room
        self._ai = ai
        self._spam = spam
        self._wake = wake
        self._clock = clock
        self._metrics = metrics
        self._tracer = tracer

    async def run(self) -> None:
        """Work for ever; a lost ledger is waited for."""
        while True:
            try:
                if not await self.work_on_one():
                    await self._wake.wait(IDLE_S)
            except PostgresLost:
                await asyncio.sleep(POSTGRES_PAUSE_S)

    async def work_on_one(self) -> bool:
        """Take the next mail and see it through; False when none is due. Raises PostgresLost."""
        work = await self._store.take(self._settings.worker.lease_s)
        if work is None:
            return False
        try:
            with self._tracer.start_as_current_span("mail", attributes={"mail": work.id}):
                outcome = await self._see_through(work)
            await self._settle(work, outcome)
        except PostgresLost:
            raise
        except AppError as error:
            await self._later(work, error)
        except Exception as error:  # noqa: BLE001 - the edge: one bad mail must not stop the others
            # Its own text may quote the mail: only its kind and place are logged.
            log.error("mail failed", mail=work.id, kind=type(error).__name__, at=_frames(error))  # noqa: TRY400
            await self._settle(work, Outcome("failed", "bug"))
        return True

    async def _see_through(self, work: Work) -> Outcome:
        """Return what becomes of the mail. Raises AppError when that cannot be said yet."""
        try:
            mail = await self._room.read(work.raw)
        except Unreadable as error:
            return Outcome("quarantined", f"unreadable:{error}")
        await self._store.understood(work, mail)
        composer = self._boxes[work.mailbox].composer
        mail = composer.referred(mail)
        verdict = await self._verdict(mail, work.raw)
        thread = await self._store.thread(
            work, mail, clean_subject(mail.subject), may_see=verdict == "pass"
        )
        findings = await self._findings(work, mail, verdict, thread, composer)
        if findings:
            if findings[0].rule == "bounce":
                await self._match_bounce(mail)
            return _refusal(findings)
        if wants_erasure(mail):
            return await self._erase(work, mail, verdict)
        if wants_copy(mail):
            return await self._send_copy(work, mail, verdict)
        return await self._answer(work, mail, thread, composer)

    async def _verdict(self, mail: Mail, raw: bytes) -> AuthenticationResult:
        authentication = self._settings.authentication
        if authentication.server:
            verdict = trusted_result(mail, authentication.server)
            if verdict != "unknown":
                return verdict
        if not authentication.dns:
            return "unknown"
        return await verify_sender(mail, raw, authentication.received_by)

    async def _findings(
        self,
        work: Work,
        mail: Mail,
        verdict: AuthenticationResult,
        thread: Thread,
        composer: Composer,
    ) -> tuple[Finding, ...]:
        settings = self._settings
        try:
            spam_score: float | None = await self._spam.score(mail, work.raw)
        except SpamFilterLost:
            spam_score = None
        context = RuleContext(
            addresses=settings.addresses,
            is_our_message_id=composer.is_ours,
            authentication=verdict,
            answers_unauthenticated=not settings.authentication.required,
            spam_score=spam_score,
            allowed=settings.senders.allowed,
            blocked=settings.senders.blocked,
            history=await self._store.history(work, mail, thread.id),
            limits=settings.limits,
        )
        sized = (
            mail
            if work.size_bytes <= mail.size_bytes
            else replace(mail, size_bytes=work.size_bytes)
        )
        findings = reasons_not_to_answer(sized, context)
        if await self._store.is_dead(mail.sender.address):
            findings = (*findings, Finding("dead_address", "bounced", "silent"))
        if not findings and total_rate_reached(context):
            raise TotalRateReached
        if work.let_through:  # a person said so; what would loop stays refused
            return tuple(each for each in findings if each.rule in {"ours", "bounce"})
        return findings

    async def _match_bounce(self, mail: Mail) -> None:
        report = BounceReport.read(mail)
        if report.tokens or report.message_ids:
            await self._store.bounced(report.tokens, report.message_ids, report.hard)

    async def _erase(self, work: Work, mail: Mail, verdict: AuthenticationResult) -> Outcome:
        """Erase what a person wrote, if it is really that person who asks."""
        if verdict != "pass":
            return Outcome("quarantined", "erasure:not-authenticated")
        composer = self._boxes[work.mailbox].composer
        language = language_of(mail.text)
        mails = await self._store.find_person(mail.sender.address)
        now = self._clock.now()
        notice = composer.notice("erased", language, now, count=len(mails))
        answer = composer.answer(mail, notice, language)
        letter = await asyncio.to_thread(
            composer.write, _forgotten(mail), work.id, "erasure", answer, language, now
        )
        await self._store.announce_erasure(work.id, work.mailbox, letter)
        await self._store.erase(mails, "asked by mail")
        return Outcome("erased", "asked by mail")

    async def _send_copy(self, work: Work, mail: Mail, verdict: AuthenticationResult) -> Outcome:
        """Send a person all we keep of what they wrote, if it is really that person who asks."""
        if verdict != "pass":
            return Outcome("quarantined", "copy:not-authenticated")
        composer = self._boxes[work.mailbox].composer
        language, now = language_of(mail.text), self._clock.now()
        known = (await self._store.find_person(mail.sender.address))[:MAX_COPIED]
        files = [await self._store.file(mail_id) for mail_id in known]
        content = await asyncio.to_thread(copy_of, mail.sender.address, files, now)
        notice = composer.notice("copied", language, now, count=len(files))
        answer = composer.answer(mail, notice, language)
        letter = await asyncio.to_thread(
            composer.write, mail, work.id, "reply", answer, language, now, content
        )
        return Outcome("answered", "copy asked by mail", outgoing=letter)

    async def _answer(self, work: Work, mail: Mail, thread: Thread, composer: Composer) -> Outcome:
        language = language_of(f"{mail.subject}\n{mail.text}")
        mode = self._boxes[work.mailbox].mode
        fixed = _fixed_notice(mail)
        if fixed:
            reply, why = composer.notice(fixed, language, self._clock.now()), None
        else:
            try:
                reply = await self._ask(mail, thread)
            except BadInput as error:
                return Outcome("quarantined", f"ai:{error.code}")
            except AppError:
                await self._hold_if_late(work, mail, composer, language)
                raise
            why = doubt(reply)
        draft = reply.model_dump_json()
        if mode == "dry_run":
            return Outcome("dry_run", why or "would-answer", draft=draft)
        if mode == "review" or why:
            return Outcome("review", why or "mode", draft=draft)
        now = self._clock.now()
        answer = composer.answer(mail, reply, language)
        letter = await asyncio.to_thread(
            composer.write, mail, work.id, "reply", answer, language, now
        )
        return Outcome("answered", "automatic", draft=draft, outgoing=letter)

    async def _ask(self, mail: Mail, thread: Thread) -> ChatReply:
        request, found = await asyncio.to_thread(question_of, mail, thread, self._settings.ai.model)
        key = hashlib.sha256(request.model_dump_json().encode()).hexdigest()[:40]
        try:
            async with asyncio.timeout(self._settings.ai.timeout_s):
                reply = await self._ai.chat(request, idempotency_key=key)
        except TimeoutError:
            raise AiTooSlow from None
        return reply.model_copy(update={"response": unmask(reply.response, found)})

    async def _hold_if_late(
        self, work: Work, mail: Mail, composer: Composer, language: Language
    ) -> None:
        """Tell the sender, once, that the answer will be late."""
        waited_s = (self._clock.now() - work.received_at).total_seconds()
        automatic = self._boxes[work.mailbox].mode == "automatic"
        if not automatic or waited_s < self._settings.reply.holding_after_s:
            return
        now = self._clock.now()
        answer = composer.answer(mail, composer.notice("holding", language, now), language)
        letter = await asyncio.to_thread(
            composer.write, mail, work.id, "holding", answer, language, now
        )
        await self._store.hold(work, letter)
        await self._wake.ring()

    async def _later(self, work: Work, error: AppError) -> None:
        if not error.retryable or work.attempts >= MAX_ATTEMPTS:
            await self._settle(work, Outcome("failed", error.code))
            return
        pause_s = RETRY_S[min(work.attempts, len(RETRY_S)) - 1]
        waited_s = (self._clock.now() - work.received_at).total_seconds()
        until_holding_s = self._settings.reply.holding_after_s - waited_s
        if 0 < until_holding_s < pause_s:  # be there when the holding reply is due
            pause_s = until_holding_s
        await self._store.later(work, pause_s, error.code)

    async def _settle(self, work: Work, outcome: Outcome) -> None:
        if not await self._store.settle(work, outcome):
            return
        waited_s = (self._clock.now() - work.received_at).total_seconds()
        self._metrics.settled.labels(outcome.state).inc()
        self._metrics.seconds_to_settle.observe(waited_s)
        log.info(
            "mail settled",
            mail=work.id,
            mailbox=work.mailbox,
            state=outcome.state,
            reason=outcome.reason,
            fired=list(outcome.fired),
            attempts=work.attempts,
            waited_s=round(waited_s, 2),
        )
        if outcome.outgoing is not None:
            await self._wake.ring()


def _frames(error: Exception) -> list[str]:
    """Return where an error came from, the innermost place last."""
    frames = [(frame.f_code.co_qualname, line) for frame, line in walk_tb(error.__traceback__)]
    return [f"{name}:{line}" for name, line in frames[-5:]]


def _refusal(findings: tuple[Finding, ...]) -> Outcome:
    """Return what becomes of a mail that some rule speaks against: the first one decides."""
    first = findings[0]
    return Outcome(first.action, str(first), tuple(str(each) for each in findings))


def _forgotten(mail: Mail) -> Mail:
    """Return the mail without its words: the confirmation of an erasure repeats nothing."""
    return replace(mail, text="", full_text="", attachments=())


def _fixed_notice(mail: Mail) -> str | None:
    """Return which fixed sentence answers a mail without a question in it."""
    if mail.encrypted and not mail.text.strip():
        return "encrypted_mail"
    has_words = mail.question.strip() or any(file.text.strip() for file in mail.attachments)
    return None if has_words else "nothing_asked"
