"""Answering: ask ai_core, check its answer, compose the reply."""

import asyncio
import hashlib

from mail_service.errors import AiTooSlow
from mail_service.ledger.records import MailJob, MailOutcome, MailState, OutgoingKind
from mail_service.processing.ai_request import build_request
from mail_service.processing.screening import ScreenedMail
from mail_service.processing.services import Services
from mail_service.reading.message import Mail
from mail_service.reply.composer import ReplyComposer
from mail_service.reply.confidence_check import reason_for_review
from shared.ai.contract import ChatReply
from shared.errors import AppError, BadInput
from shared.languages import Language, language_of
from shared.privacy.masking import unmask


class Answering:
    """Answers the question of a screened mail."""

    def __init__(self, services: Services) -> None:
        self._settings = services.settings
        self._mailboxes = services.mailboxes
        self._ledger = services.ledger
        self._ai = services.ai
        self._notifier = services.notifier
        self._clock = services.clock

    async def answer(self, job: MailJob, screened: ScreenedMail) -> MailOutcome:
        """Return the outcome with its draft and, in automatic mode, its reply.

        Raises AppError when ai_core is unavailable; a late answer is announced to the sender.
        """
        mail, mailbox = screened.mail, self._mailboxes[job.mailbox]
        composer = mailbox.composer
        language = language_of(f"{mail.subject}\n{mail.text}")
        fixed_key = _fixed_reply_key(mail)
        if fixed_key:
            reply, reason = composer.fixed_reply(fixed_key, language), None
        else:
            try:
                reply = await self._ask(screened)
            except BadInput as error:
                return MailOutcome(MailState.QUARANTINED, f"ai:{error.code}")
            except AppError:
                await self._send_holding_reply_if_late(job, mail, composer, language)
                raise
            reason = reason_for_review(reply)
        draft = reply.model_dump_json()
        if mailbox.mode == "dry_run":
            return MailOutcome(MailState.DRY_RUN, reason or "would-answer", draft=draft)
        if mailbox.mode == "review" or reason:
            return MailOutcome(MailState.REVIEW, reason or "mode", draft=draft)
        content = composer.content(mail, reply, language)
        outgoing = await asyncio.to_thread(
            composer.compose, mail, job.id, OutgoingKind.REPLY, content, language
        )
        return MailOutcome(MailState.ANSWERED, "automatic", draft=draft, outgoing=outgoing)

    async def _ask(self, screened: ScreenedMail) -> ChatReply:
        request, found = await asyncio.to_thread(
            build_request, screened.mail, screened.conversation, self._settings.ai.model
        )
        key = hashlib.sha256(request.model_dump_json().encode()).hexdigest()[:40]
        try:
            async with asyncio.timeout(self._settings.ai.timeout_s):
                reply = await self._ai.chat(request, idempotency_key=key)
        except TimeoutError:
            raise AiTooSlow from None
        return reply.model_copy(update={"response": unmask(reply.response, found)})

    async def _send_holding_reply_if_late(
        self, job: MailJob, mail: Mail, composer: ReplyComposer, language: Language
    ) -> None:
        """Announce to the sender, once, that the answer will be late."""
        waited_s = (self._clock.now() - job.received_at).total_seconds()
        automatic = self._mailboxes[job.mailbox].mode == "automatic"
        if not automatic or waited_s < self._settings.reply.holding_after_s:
            return
        content = composer.content(mail, composer.fixed_reply("holding", language), language)
        outgoing = await asyncio.to_thread(
            composer.compose, mail, job.id, OutgoingKind.HOLDING, content, language
        )
        await self._ledger.work.add_holding_reply(job, outgoing)
        await self._notifier.notify()


def _fixed_reply_key(mail: Mail) -> str | None:
    """Return the key of the fixed reply to a mail without a question; None when it has one."""
    if mail.encrypted and not mail.text.strip():
        return "encrypted_mail"
    has_words = mail.question.strip() or any(file.text.strip() for file in mail.attachments)
    return None if has_words else "nothing_asked"
