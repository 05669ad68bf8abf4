"""Mails: lists, records, counts, and the decisions of a reviewer."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

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
    SearchResult,
)
from mail_service.reading.reader import MAILS
from shared.privacy.folding import fold
from shared.stores.postgres import Row
from shared.stores.statements import Statements

SQL = Statements.beside(__file__)
MAX_OPENED, OPENED_AT_ONCE, MAX_FOUND = 500, 50, 50
"""Of a search: sealed mails opened in all and at once, and how many found end it."""
OVERDUE_AFTER = timedelta(minutes=5)


class Mails:
    """The mails as a reviewer or operator sees them."""

    def __init__(self, backend: LedgerBackend, outgoing: OutgoingQueue) -> None:
        self._backend = backend
        self._outgoing = outgoing

    async def latest(
        self, state: MailState | None, before_id: int | None, limit: int, sender: str = ""
    ) -> tuple[LedgerEntry, ...]:
        """Return mails, the newest first, older than `before_id`; of one `sender` where named."""
        async with self._backend.postgres.connection() as db:
            rows = await SQL.fetch(
                db,
                "latest",
                state=state,
                before_id=before_id,
                limit=limit,
                sender=self._backend.address_fingerprint(sender) if sender else None,
            )
        return tuple(_entry(row) for row in rows)

    async def search(
        self, words: str, state: MailState | None, sender: str, before_id: int | None
    ) -> SearchResult:
        """Return the mails with all of `words` in subject, sender or text, the newest first.

        Texts are sealed: at most MAX_OPENED of them are opened, MAX_FOUND returned; the result says
        where to go on.
        """
        wanted = fold(words).folded.split()
        found: list[LedgerEntry] = []
        opened = 0
        while opened < MAX_OPENED and len(found) < MAX_FOUND:
            async with self._backend.postgres.connection() as db:
                rows = await SQL.fetch(
                    db,
                    "searchable",
                    state=state,
                    sender=self._backend.address_fingerprint(sender) if sender else None,
                    before_id=before_id,
                    limit=OPENED_AT_ONCE,
                )
            found += await asyncio.to_thread(self._having, rows, wanted)
            opened += len(rows)
            if len(rows) < OPENED_AT_ONCE:
                return SearchResult(tuple(found), opened, None)
            before_id = rows[-1]["id"]
        return SearchResult(tuple(found), opened, before_id)

    def _having(self, rows: Sequence[Row], wanted: Sequence[str]) -> list[LedgerEntry]:
        found = []
        for row in rows:
            columns = dict(row)
            sealed = columns.pop("reading_sealed")
            mail = MAILS.validate_json(self._backend.encryption.open(sealed, "reading"))
            sender = f"{mail.sender.name} {mail.sender.address}"
            text = fold(f"{mail.subject}\n{sender}\n{mail.text or mail.full_text}").folded
            if all(word in text for word in wanted):
                found.append(_entry(columns))
        return found

    async def count_of_sender(self, mail_id: int) -> Mapping[str, int]:
        """Count the mails of the sender of a mail, this one included, by state."""
        async with self._backend.postgres.connection() as db:
            rows = await SQL.fetch(db, "count_sender", mail_id=mail_id)
        return {row["state"]: row["number"] for row in rows}

    async def load(self, mail_id: int) -> MailRecord:
        """Return everything about one mail. Raises UnknownMail."""
        async with self._backend.postgres.transaction() as db:
            row = await SQL.fetch_row(db, "load", mail_id=mail_id)
            texts = await SQL.fetch_row(db, "load_texts", mail_id=mail_id)
            events = await SQL.fetch(db, "list_events", mail_id=mail_id)
            outgoing = await SQL.fetch(db, "list_outgoing", mail_id=mail_id)
            helped = await SQL.fetch_value(db, "load_feedback", mail_id=mail_id)
        if row is None or texts is None:
            raise UnknownMail
        parsed, draft = texts["reading_sealed"], texts["draft_sealed"]
        return MailRecord(
            entry=_entry(row),
            mail=await self._backend.unseal_mail(parsed) if parsed else None,
            draft=(await self._backend.unseal(draft, "draft")).decode() if draft else "",
            events=tuple(MailEvent(**event) for event in events),
            outgoing=tuple(_outgoing_summary(each) for each in outgoing),
            helped=helped,
        )

    async def decide(self, mail_id: int, mailbox: str, outcome: MailOutcome, by: str = "") -> None:
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
            await backend.record_decision(db, mail_id, outcome.state, outcome.reason, by)

    async def reject(self, mail_id: int, reason: str, by: str = "") -> None:
        """Decide that a mail gets no reply. Raises NotReviewable."""
        now = self._backend.clock.now()
        async with self._backend.postgres.transaction() as db:
            rejected = await SQL.fetch_value(db, "reject", mail_id=mail_id, reason=reason, now=now)
            if rejected is None:
                raise NotReviewable
            await self._backend.record_decision(db, mail_id, MailState.REJECTED, reason, by)

    async def retry(self, mail_id: int, by: str = "") -> None:
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
            await self._backend.record_decision(db, mail_id, "retried", "by a person", by)

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


def _entry(row: Mapping[str, Any]) -> LedgerEntry:
    columns = {**row, "state": MailState(row["state"]), "fired": tuple(row["fired"])}
    return LedgerEntry(**columns)


def _outgoing_summary(row: Row) -> OutgoingSummary:
    columns = {**row, "kind": OutgoingKind(row["kind"]), "state": OutgoingState(row["state"])}
    return OutgoingSummary(**columns)
