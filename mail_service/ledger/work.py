"""Work: received mails as a queue, from which workers take rows with SKIP LOCKED under a lease.

The row of a crashed worker becomes available when its lease expires.
"""

from datetime import timedelta

from mail_service.ledger.backend import LedgerBackend
from mail_service.ledger.outgoing import OutgoingQueue
from mail_service.ledger.records import MailJob, MailOutcome, OutgoingMail
from mail_service.reading.message import Mail
from mail_service.reading.reader import MAILS
from shared.stores.statements import Statements

SQL = Statements.beside(__file__)


class WorkQueue:
    """The mails to be processed."""

    def __init__(self, backend: LedgerBackend, outgoing: OutgoingQueue) -> None:
        self._backend = backend
        self._outgoing = outgoing

    async def claim(self, lease_s: float) -> MailJob | None:
        """Lease the mail that has waited longest; None when none is due."""
        now = self._backend.clock.now()
        lease_until = now + timedelta(seconds=lease_s)
        async with self._backend.postgres.connection() as db:
            row = await SQL.fetch_row(db, "claim", now=now, lease_until=lease_until)
        if row is None:
            return None
        columns = dict(row)
        raw = await self._backend.unseal(columns.pop("raw_sealed"), "raw")
        return MailJob(raw=raw, **columns)

    async def save_parsed(self, job: MailJob, mail: Mail) -> None:
        """Store the parsed mail and the fingerprints by which it is found."""
        backend = self._backend
        sealed = await backend.seal(MAILS.dump_json(mail), "reading")
        async with backend.postgres.connection() as db:
            await SQL.execute(
                db,
                "save_parsed",
                mail_id=job.id,
                reading_sealed=sealed,
                **backend.sender_fingerprints(mail),
                message_id=backend.fingerprint(mail.message_id, "message id")
                if mail.message_id
                else None,
            )

    async def settle(self, job: MailJob, outcome: MailOutcome) -> bool:
        """Write the outcome, its draft and its reply in one transaction.

        False when another worker settled the mail after our lease had ended.
        """
        backend = self._backend
        draft = await backend.seal(outcome.draft.encode(), "draft") if outcome.draft else None
        async with backend.postgres.transaction() as db:
            if await SQL.fetch_value(db, "lock_received", mail_id=job.id) is None:
                return False
            await SQL.execute(
                db,
                "settle",
                mail_id=job.id,
                state=outcome.state,
                reason=outcome.reason,
                fired=list(outcome.fired),
                draft_sealed=draft,
                now=backend.clock.now(),
            )
            if outcome.outgoing is not None:
                await self._outgoing.insert(db, job.id, job.mailbox, outcome.outgoing)
            await backend.record_event(db, job.id, outcome.state, outcome.reason)
        return True

    async def add_holding_reply(self, job: MailJob, outgoing: OutgoingMail) -> None:
        """Queue a holding reply, once per mail; the mail itself stays in the queue."""
        async with self._backend.postgres.transaction() as db:
            if await SQL.fetch_value(db, "lock_received", mail_id=job.id) is None:
                return  # erased meanwhile
            if await self._outgoing.insert(db, job.id, job.mailbox, outgoing):
                await self._backend.record_event(db, job.id, "holding")

    async def postpone(self, job: MailJob, delay_s: float, reason: str) -> None:
        """Return a mail to the queue; it is due again after `delay_s`."""
        due_at = self._backend.clock.now() + timedelta(seconds=delay_s)
        async with self._backend.postgres.transaction() as db:
            await SQL.execute(db, "postpone", mail_id=job.id, due_at=due_at, reason=reason)
            await self._backend.record_event(db, job.id, "later", reason)
