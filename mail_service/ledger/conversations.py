"""Conversations: which earlier mails a mail continues, and counts of recent mails."""

from collections.abc import Sequence
from datetime import timedelta

import asyncpg

from mail_service.ledger.backend import LedgerBackend
from mail_service.ledger.records import Conversation, History, MailJob, PastMessage
from mail_service.reading.message import Mail
from shared.ai.contract import ChatReply
from shared.stores.statements import Statements

SQL = Statements.beside(__file__)
MAX_PAST_MAILS = 6
SAME_SUBJECT_DAYS = 1
"""A robot may drop the references and keep the subject."""


class Conversations:
    """Finds and starts conversations."""

    def __init__(self, backend: LedgerBackend) -> None:
        self._backend = backend

    async def history(self, job: MailJob, mail: Mail, conversation_id: int) -> History:
        """Count the recent mails of the sender and our recent replies."""
        now = self._backend.clock.now()
        async with self._backend.postgres.connection() as db:
            row = await SQL.fetch_row(
                db,
                "history",
                mail_id=job.id,
                **self._backend.sender_fingerprints(mail),
                conversation_id=conversation_id,
                minute_ago=now - timedelta(minutes=1),
                hour_ago=now - timedelta(hours=1),
                three_hours_ago=now - timedelta(hours=3),
                day_ago=now - timedelta(days=1),
            )
        assert row is not None  # noqa: S101 - a SELECT of counts has one row
        return History(**row)

    async def assign(
        self, job: MailJob, mail: Mail, subject: str, *, proven: bool, answered_ids: Sequence[str]
    ) -> Conversation:
        """Find the conversation the mail continues, or start one; `subject` is without Re:.

        Only its participant continues a conversation; another subject starts a new one that is
        linked to the old. `answered_ids` are the Message-IDs of our letters to this sender that the
        mail answers: with one of them, a `proven` sender is in the thread and sees its earlier
        messages. Otherwise the mail is only counted with the conversation.
        """
        async with self._backend.postgres.transaction() as db:
            known = await SQL.fetch_row(db, "conversation_of", mail_id=job.id)
            if known is None or known["conversation_id"] is None:
                sent_ids = tuple(answered_ids) if proven else ()
                found, in_thread = await self._find_or_start(db, job, mail, subject, sent_ids)
                in_thread = in_thread and proven
                await SQL.execute(
                    db, "assign", mail_id=job.id, conversation_id=found, in_thread=in_thread
                )
            else:
                found, in_thread = known["conversation_id"], known["in_thread"]
            messages = await self._messages(db, found, job.id) if in_thread else ()
        return Conversation(found, messages)

    async def _find_or_start(
        self,
        db: asyncpg.Connection,
        job: MailJob,
        mail: Mail,
        subject: str,
        sent_ids: Sequence[str],
    ) -> tuple[int, bool]:
        """Return the conversation, and whether it was begun here or found by `sent_ids`."""
        backend, now = self._backend, self._backend.clock.now()
        participant = backend.address_fingerprint(mail.sender.address)
        subject_print = backend.fingerprint(subject, "subject")
        message_ids = list(mail.references)
        known = {"participant": participant, "mailbox": job.mailbox}
        referenced = await SQL.fetch_row(
            db,
            "find_by_references",
            **known,
            mail_id=job.id,
            message_ids=message_ids,
            sent_ids=list(sent_ids),
            fingerprints=[backend.fingerprint(each, "message id") for each in message_ids],
        )
        found, in_thread = None, False
        if referenced is None:
            since = now - timedelta(days=SAME_SUBJECT_DAYS)
            found = await SQL.fetch_value(
                db, "find_by_subject", **known, subject=subject_print, since=since
            )
        elif referenced["subject_print"] == subject_print:
            found, in_thread = referenced["id"], referenced["answers_us"]
        if found is None:
            continues = referenced["id"] if referenced else None
            found = await SQL.fetch_value(
                db, "insert_conversation", **known, subject=subject_print, continues=continues,
                now=now,
            )  # fmt: skip
            in_thread = True
        return int(found), in_thread

    async def _messages(
        self, db: asyncpg.Connection, conversation_id: int, before_mail_id: int
    ) -> tuple[PastMessage, ...]:
        rows = await SQL.fetch(
            db,
            "past_mails",
            conversation_id=conversation_id,
            before_mail_id=before_mail_id,
            limit=MAX_PAST_MAILS,
        )
        messages: list[PastMessage] = []
        for row in reversed(rows):
            mail = await self._backend.unseal_mail(row["reading_sealed"])
            messages.append(PastMessage("user", mail.question))
            if row["draft_sealed"] is not None:
                draft = await self._backend.unseal(row["draft_sealed"], "draft")
                reply = ChatReply.model_validate_json(draft)
                messages.append(PastMessage("assistant", reply.response))
        return tuple(messages)
