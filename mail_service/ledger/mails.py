"""Mails: lists, records, counts, and the decisions of a reviewer."""

from collections.abc import Mapping
from datetime import timedelta

from mail_service.errors import NotReviewable, UnknownMail
from mail_service.ledger.backend import LedgerBackend
from mail_service.ledger.outgoing import OutgoingQueue
from mail_service.ledger.records import (
    LedgerEntry,
    MailEvent,
    MailOutcome,
    MailRecord,
    MailState,
    OutgoingKind,
    OutgoingState,
    OutgoingSummary,
)
from mail_service.ledger.statements import Statements
from shared.stores.postgres import Row

SQL = Statements.beside(__file__)
OVERDUE_AFTER = timedelta(minutes=5)


class Mails:
    """The mails as a reviewer or operator sees them."""

    def __init__(self, backend: LedgerBackend, outgoing: OutgoingQueue) -> None:
        self._backend = backend
        self._outgoing = outgoing

    async def latest(
        self, state: MailState | None, before_id: int | None, limit: int
    ) -> tuple[LedgerEntry, ...]:
        """Return mails, the newest first, older than `before_id`."""
        async with self._backend.postgres.connection() as db:
            rows = await SQL.fetch(db, "latest", state=state, before_id=before_id, limit=limit)
        return tuple(_entry(row) for row in rows)

    async def load(self, mail_id: int) -> MailRecord:
        """Return everything about one mail. Raises UnknownMail."""
        async with self._backend.postgres.transaction() as db:
            row = await SQL.fetch_row(db, "load", mail_id=mail_id)
            texts = await SQL.fetch_row(db, "load_texts", mail_id=mail_id)
            events = await SQL.fetch(db, "list_events", mail_id=mail_id)
            outgoing = await SQL.fetch(db, "list_outgoing", mail_id=mail_id)
        if row is None or texts is None:
            raise UnknownMail
        parsed, draft = texts["reading_sealed"], texts["draft_sealed"]
        return MailRecord(
            entry=_entry(row),
            mail=await self._backend.unseal_mail(parsed) if parsed else None,
            draft=(await self._backend.unseal(draft, "draft")).decode() if draft else "",
            events=tuple(MailEvent(**event) for event in events),
            outgoing=tuple(_outgoing_summary(each) for each in outgoing),
        )

    async def decide(self, mail_id: int, mailbox: str, outcome: MailOutcome) -> None:
        """Write a reviewer's decision. Raises NotReviewable unless the mail is in review."""
        backend = self._backend
        draft = await backend.seal(outcome.draft.encode(), "draft") if outcome.draft else None
        async with backend.postgres.transaction() as db:
            decided = await SQL.fetch_value(
                db,
                "decide",
                mail_id=mail_id,
                state=outcome.state,
                reason=outcome.reason,
                draft_sealed=draft,
                now=backend.clock.now(),
            )
            if decided is None:
                raise NotReviewable
            if outcome.outgoing is not None:
                await self._outgoing.insert(db, mail_id, mailbox, outcome.outgoing)
            await backend.record_event(db, mail_id, outcome.state, outcome.reason)

    async def reject(self, mail_id: int, reason: str) -> None:
        """Decide that a mail gets no reply. Raises NotReviewable."""
        now = self._backend.clock.now()
        async with self._backend.postgres.transaction() as db:
            rejected = await SQL.fetch_value(db, "reject", mail_id=mail_id, reason=reason, now=now)
            if rejected is None:
                raise NotReviewable
            await self._backend.record_event(db, mail_id, MailState.REJECTED, reason)

    async def retry(self, mail_id: int) -> None:
        """Release a mail that a rule held back, or resend a reply that may not have been sent.

        Raises NotReviewable when the mail is not held back and its reply is not failed or unknown.
        """
        now = self._backend.clock.now()
        async with self._backend.postgres.transaction() as db:
            retried = await SQL.fetch_value(db, "release", mail_id=mail_id, now=now)
            if retried is None:
                retried = await SQL.fetch_value(db, "resend", mail_id=mail_id, now=now)
            if retried is None:
                raise NotReviewable
            await self._backend.record_event(db, mail_id, "retried", "by a person")

    async def counts(self) -> Mapping[str, int]:
        """Count mails as `mail_STATE`, replies as `reply_STATE`, and mails `overdue`."""
        overdue_before = self._backend.clock.now() - OVERDUE_AFTER
        async with self._backend.postgres.connection() as db:
            rows = await SQL.fetch(db, "counts", overdue_before=overdue_before)
        return {row["name"]: row["number"] for row in rows}

    async def oldest_waiting_s(self) -> float:
        """Return the age of the oldest mail that is not settled, in seconds; 0 without any."""
        async with self._backend.postgres.connection() as db:
            oldest = await SQL.fetch_value(db, "oldest_waiting")
        return (self._backend.clock.now() - oldest).total_seconds() if oldest else 0.0


def _entry(row: Row) -> LedgerEntry:
    columns = {**row, "state": MailState(row["state"]), "fired": tuple(row["fired"])}
    return LedgerEntry(**columns)


def _outgoing_summary(row: Row) -> OutgoingSummary:
    columns = {**row, "kind": OutgoingKind(row["kind"]), "state": OutgoingState(row["state"])}
    return OutgoingSummary(**columns)
