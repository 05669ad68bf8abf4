"""Screening: parse the mail, authenticate its sender, find its conversation, evaluate the rules."""

from dataclasses import dataclass, replace

import structlog

from mail_service.errors import SpamFilterLost, TotalRateReached
from mail_service.ledger.records import Conversation, MailJob
from mail_service.processing.services import Services
from mail_service.reading.bounce_report import BounceReport
from mail_service.reading.message import Mail
from mail_service.reply.composer import ReplyComposer
from mail_service.reply.formatting import clean_subject
from mail_service.rules import Finding, reasons_not_to_answer
from mail_service.rules.context import RuleContext
from mail_service.rules.quotas import total_rate_reached
from mail_service.sender_checks.authentication import AuthenticationResult, authenticate

log = structlog.get_logger()
LOOP_RULES = {"ours", "bounce"}
"""The rules that a reviewer cannot override."""


@dataclass(frozen=True, slots=True)
class ScreenedMail:
    """A parsed mail, and what is known about it; `findings` refuse a reply, the first decides."""

    mail: Mail
    authentication: AuthenticationResult
    conversation: Conversation
    findings: tuple[Finding, ...]

    @property
    def is_authenticated(self) -> bool:
        """Return whether the From address is proven, and is the one that was parsed."""
        return self.authentication.proves(self.mail.sender.address)


class Screening:
    """Decides whether a mail may be answered."""

    def __init__(self, services: Services) -> None:
        self._settings = services.settings
        self._mailboxes = services.mailboxes
        self._ledger = services.ledger
        self._readers = services.readers
        self._spam_filter = services.spam_filter

    async def screen(self, job: MailJob) -> ScreenedMail:
        """Return the mail with everything that decides about a reply.

        Raises Unreadable when it cannot be parsed, and TotalRateReached when it must wait.
        """
        mail = await self._readers.read(job.raw)
        await self._ledger.work.save_parsed(job, mail)
        composer = self._mailboxes[job.mailbox].composer
        mail = composer.message_ids.with_reply_references(mail)
        authentication = await authenticate(job.raw, self._settings.authentication)
        log.info(
            "sender checked",
            mail=job.id,
            outcome=authentication.outcome,
            method=authentication.method,
            why=authentication.reason,
        )
        ids, sender = composer.message_ids, mail.sender.address
        conversation = await self._ledger.conversations.assign(
            job,
            mail,
            clean_subject(mail.subject),
            proven=authentication.proves(sender),
            answered_ids=[each for each in mail.references if ids.was_sent_to(each, sender)],
        )
        context = await self._context(job, mail, authentication, conversation.id, composer)
        findings = await self._findings(job, mail, context)
        if findings and findings[0].rule == "bounce":
            await self._record_bounce(job, mail)
        return ScreenedMail(mail, authentication, conversation, findings)

    async def _context(
        self,
        job: MailJob,
        mail: Mail,
        authentication: AuthenticationResult,
        conversation_id: int,
        composer: ReplyComposer,
    ) -> RuleContext:
        settings = self._settings
        try:
            spam_score: float | None = await self._spam_filter.score(mail, job.raw)
        except SpamFilterLost:
            spam_score = None
        return RuleContext(
            addresses=settings.addresses,
            is_our_message_id=composer.message_ids.is_ours,
            authentication=authentication,
            answers_unauthenticated=not settings.authentication.required,
            spam_score=spam_score,
            allowed=settings.senders.allowed,
            blocked=settings.senders.blocked,
            history=await self._ledger.conversations.history(job, mail, conversation_id),
            limits=settings.limits,
        )

    async def _findings(
        self, job: MailJob, mail: Mail, context: RuleContext
    ) -> tuple[Finding, ...]:
        # Of a mail too large only the header was fetched: the size on the server counts.
        size_bytes = max(mail.size_bytes, job.size_bytes)
        findings = reasons_not_to_answer(replace(mail, size_bytes=size_bytes), context)
        if context.authentication.proves(mail.sender.address):
            await self._ledger.outgoing.prove_deliverable(mail.sender.address)
        elif await self._ledger.outgoing.is_undeliverable(mail.sender.address):
            findings = (*findings, Finding("dead_address", "bounced", "silent"))
        if not findings and total_rate_reached(context):
            raise TotalRateReached
        if job.let_through:
            return tuple(each for each in findings if each.rule in LOOP_RULES)
        return findings

    async def _record_bounce(self, job: MailJob, mail: Mail) -> None:
        report = BounceReport.read(mail, self._mailboxes[job.mailbox].bounce_domain)
        if report is not None:
            await self._ledger.outgoing.record_bounce(job.id, report.token, report.hard)
