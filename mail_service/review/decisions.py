"""A reviewer's decisions on a mail: approve, edit, reject, retry."""

import asyncio
from collections.abc import Mapping

from mail_service.errors import ChangedQuotation, NotReviewable
from mail_service.ledger.ledger import Ledger
from mail_service.ledger.notifications import WorkNotifier
from mail_service.ledger.records import MailOutcome, MailState, OutgoingKind
from mail_service.reply.composer import ReplyComposer
from mail_service.review.quotations import changed_quotation
from shared.ai.contract import ChatReply
from shared.languages import language_of

SHOWN_WORDS = 10
"""Of a quotation that is not word for word."""


class Reviewer:
    """Carries out a reviewer's decisions. `by` is their account at the desk, empty without one."""

    def __init__(
        self, ledger: Ledger, composers: Mapping[str, ReplyComposer], notifier: WorkNotifier
    ) -> None:
        self._ledger = ledger
        self._composers = composers
        self._notifier = notifier

    async def approve(self, mail_id: int, text: str | None = None, by: str = "") -> None:
        """Send the draft, or `text` in its place with the draft's sources.

        Raises UnknownMail, NotReviewable, NotWritable, and ChangedQuotation when `text` quotes
        what none of the sources has word for word.
        """
        record = await self._ledger.mails.load(mail_id)
        mail, mailbox = record.mail, record.entry.mailbox
        if mail is None or not record.draft or record.entry.state != MailState.REVIEW:
            raise NotReviewable
        reply = ChatReply.model_validate_json(record.draft)
        if text is not None:
            changed = changed_quotation(text, reply)
            if changed is not None:
                words = " ".join(changed[1].split()[:SHOWN_WORDS])
                raise ChangedQuotation(number=changed[0], words=words)
            reply = reply.model_copy(update={"response": text, "clarification": None})
        composer = self._composers[mailbox]
        language = language_of(f"{mail.subject}\n{mail.text}", composer.language)
        content = composer.content(mail, reply, language, reviewed=True)
        outgoing = await asyncio.to_thread(
            composer.compose, mail, mail_id, OutgoingKind.REPLY, content, language
        )
        outcome = MailOutcome(
            MailState.ANSWERED,
            "approved" if text is None else "edited",
            draft=reply.model_dump_json(),
            outgoing=outgoing,
        )
        await self._ledger.mails.decide(mail_id, mailbox, outcome, by)
        await self._notifier.notify()

    async def reject(self, mail_id: int, reason: str, by: str = "") -> None:
        """Send nothing. Raises NotReviewable."""
        await self._ledger.mails.reject(mail_id, reason, by)

    async def retry(self, mail_id: int, by: str = "") -> None:
        """Process the mail again, overriding the rules, or send its reply again.

        Raises NotReviewable.
        """
        await self._ledger.mails.retry(mail_id, by)
        await self._notifier.notify()
