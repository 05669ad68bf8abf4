"""Answering: ask ai_core, check its answer, compose the reply."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from mail_service.errors import AiTooSlow
from mail_service.ledger.records import MailJob, MailOutcome, MailState, OutgoingKind, OutgoingMail
from mail_service.processing.ai_request import join_messages
from mail_service.processing.asked_words import asks_in_subject, asks_in_text
from mail_service.processing.screening import ScreenedMail
from mail_service.processing.services import Services
from mail_service.reading.message import Mail
from mail_service.reply.composer import ReplyComposer
from mail_service.reply.confidence_check import reason_for_review, repeats_sender
from shared.ai.contract import ChatReply
from shared.errors import AppError, BadInput
from shared.languages import Language, language_of


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer without personal data of the mail, and with them; `reason` asks for a review."""

    masked: ChatReply
    unmasked: ChatReply
    reason: str | None
    question: str = ""
    """What ai_core was asked, masked."""


class Answering:
    """Answers the question of a screened mail."""

    def __init__(self, services: Services) -> None:
        self._settings = services.settings
        self._mailboxes = services.mailboxes
        self._ledger = services.ledger
        self._scans = services.scans
        self._ai = services.ai
        self._masker = services.masker
        self._notifier = services.notifier
        self._clock = services.clock

    async def answer(self, job: MailJob, screened: ScreenedMail) -> MailOutcome:
        """Return the outcome with its draft and, in automatic mode, its reply.

        Raises AppError when ai_core is unavailable; a late answer is announced to the sender.
        """
        screened = await self._with_pictures(job, screened)
        mailbox = self._mailboxes[job.mailbox]
        composer = mailbox.composer
        language = language_of(f"{screened.mail.subject}\n{screened.mail.text}", composer.language)
        try:
            answer = await self._answer(job, screened, composer, language)
        except BadInput as error:
            return MailOutcome(MailState.QUARANTINED, f"ai:{error.code}")
        except AppError:
            await self._send_holding_reply_if_late(job, screened, composer, language)
            raise
        reason, draft = answer.reason, answer.unmasked.model_dump_json()
        if mailbox.mode == "dry_run":
            return MailOutcome(MailState.DRY_RUN, reason or "would-answer", draft=draft)
        if mailbox.mode == "review" or reason:
            return MailOutcome(MailState.REVIEW, reason or "mode", draft=draft)
        outgoing = await self._compose(job, screened, answer, language)
        return MailOutcome(MailState.ANSWERED, "automatic", draft=draft, outgoing=outgoing)

    async def _with_pictures(self, job: MailJob, screened: ScreenedMail) -> ScreenedMail:
        """Return the mail with the texts of its pictures, and keep them for the reviewer."""
        mail = await self._scans.read(job.raw, screened.mail)
        if mail is screened.mail:
            return screened
        await self._ledger.work.save_parsed(job, mail)
        return replace(screened, mail=mail)

    async def _answer(
        self, job: MailJob, screened: ScreenedMail, composer: ReplyComposer, language: Language
    ) -> Answer:
        fixed_key = _fixed_reply_key(screened.mail)
        if fixed_key:
            fixed = composer.fixed_reply(fixed_key, language)
            return Answer(fixed, fixed, None)
        answer = await self._ask(job, screened)
        reason = reason_for_review(answer.masked)
        if reason is None and not screened.is_authenticated:
            reason = repeats_sender(answer.masked, answer.question)
        return replace(answer, reason=reason)

    async def _compose(
        self, job: MailJob, screened: ScreenedMail, answer: Answer, language: Language
    ) -> OutgoingMail:
        composer = self._mailboxes[job.mailbox].composer
        mail, reply = screened.mail, answer.unmasked
        if not screened.is_authenticated:
            mail, reply = composer.impersonal(mail, language), answer.masked
        content = composer.content(mail, reply, language)
        return await asyncio.to_thread(
            composer.compose, mail, job.id, OutgoingKind.REPLY, content, language
        )

    async def _ask(self, job: MailJob, screened: ScreenedMail) -> Answer:
        """Ask ai_core; a mail that is processed again gets the answer it had, another mail its own.

        Raises AppError.
        """
        joined = await asyncio.to_thread(join_messages, screened.mail, screened.conversation)
        masked = await asyncio.to_thread(
            joined.masked, await self._masker.mask(joined.text), self._settings.ai.model
        )
        name = screened.mail.message_id or f"{job.mailbox} {job.id}"
        named = f"{name}\n{masked.request.model_dump_json()}"
        key = hashlib.sha256(named.encode("utf-8", "replace")).hexdigest()[:40]
        try:
            async with asyncio.timeout(self._settings.ai.timeout_s):
                reply = await self._ai.chat(
                    masked.request, idempotency_key=key, request_id=f"mail-{job.id}"
                )
        except TimeoutError:
            raise AiTooSlow from None
        without_data, with_data = (
            _with_words(reply, restored) for restored in (masked.without_data, masked.with_data)
        )
        counts = {str(kind): count for kind, count in masked.found.counts.items()}
        with_data = with_data.model_copy(update={"masked": counts | with_data.masked})
        question = masked.request.messages[-1].content
        return Answer(without_data, with_data, None, question=question)

    async def _send_holding_reply_if_late(
        self, job: MailJob, screened: ScreenedMail, composer: ReplyComposer, language: Language
    ) -> None:
        """Announce to the sender, once, that the answer will be late."""
        waited_s = (self._clock.now() - job.received_at).total_seconds()
        automatic = self._mailboxes[job.mailbox].mode == "automatic"
        if not automatic or waited_s < self._settings.reply.holding_after_s:
            return
        mail = screened.mail
        if not screened.is_authenticated:
            mail = composer.impersonal(mail, language)
        content = composer.content(mail, composer.fixed_reply("holding", language), language)
        outgoing = await asyncio.to_thread(
            composer.compose, mail, job.id, OutgoingKind.HOLDING, content, language
        )
        await self._ledger.work.add_holding_reply(job, outgoing)
        await self._notifier.notify()


def _with_words(reply: ChatReply, restored: Callable[[str], str]) -> ChatReply:
    """Return a reply with every text of the answer restored."""
    sections = [
        section.model_copy(update={"text": restored(section.text)}) for section in reply.sections
    ]
    texts = {"response": restored(reply.response), "summary": restored(reply.summary)}
    return reply.model_copy(update={**texts, "sections": sections})


def _fixed_reply_key(mail: Mail) -> str | None:
    """Return the key of the fixed reply to a mail without a question; None when it has one."""
    if mail.encrypted and not mail.text.strip():
        return "encrypted_mail"
    return None if asks_in_text(mail) or asks_in_subject(mail) else "nothing_asked"
