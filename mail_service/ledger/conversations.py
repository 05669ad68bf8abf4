"""Conversations: which earlier mails a mail continues, and counts of recent mails."""

from datetime import timedelta

import asyncpg

from mail_service.ledger.backend import LedgerBackend
from mail_service.ledger.records import Conversation, History, MailJob, PastMessage
from mail_service.ledger.statements import Statements
from mail_service.reading.message import Mail

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
        self, job: MailJob, mail: Mail, subject: str, *, include_messages: bool
    ) -> Conversation:
        """Find the conversation the mail continues, or start one; `subject` is without Re:.

        Only its participant continues a conversation; another subject starts a new one that is
        linked to the old. Earlier messages are returned only with `include_messages`.
        """
        async with self._backend.postgres.transaction() as db:
            known = await SQL.fetch_value(db, "conversation_of", mail_id=job.id)
            conversation_id = known or await self._find_or_start(db, job, mail, subject)
            messages = await self._messages(db, conversation_id, job.id) if include_messages else ()
        return Conversation(conversation_id, messages)

    async def _find_or_start(
        self, db: asyncpg.Connection, job: MailJob, mail: Mail, subject: str
    ) -> int:
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
            fingerprints=[backend.fingerprint(each, "message id") for each in message_ids],
        )
        found = None
        if referenced is None:
            since = now - timedelta(days=SAME_SUBJECT_DAYS)
            found = await SQL.fetch_value(
                db, "find_by_subject", **known, subject=subject_print, since=since
            )
        elif referenced["subject_print"] == subject_print:
            found = referenced["id"]
        if found is None:
            continues = referenced["id"] if referenced else None
            found = await SQL.fetch_value(
                db, "insert_conversation", **known, subject=subject_print, continues=continues,
                now=now,
            )  # fmt: skip
        await SQL.execute(db, "assign", mail_id=job.id, conversation_id=found)
        return int(found)

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
                messages.append(PastMessage("assistant", draft.decode()))
        return tuple(messages)
