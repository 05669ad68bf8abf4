"""Outgoing: mails of ours as a queue for the outbox, their delivery results and their bounces."""

from collections.abc import Sequence
from datetime import timedelta

import asyncpg

from mail_service.ledger.backend import LedgerBackend
from mail_service.ledger.records import (
    Delivery,
    OutgoingMail,
    OutgoingState,
    UncopiedMail,
    UnknownDelivery,
)
from shared.stores.statements import Statements

SQL = Statements.beside(__file__)
MAX_HARD_BOUNCES = 2
"""From this many hard bounces on, an address gets no further mail."""


class OutgoingQueue:
    """The mails to be sent."""

    def __init__(self, backend: LedgerBackend) -> None:
        self._backend = backend

    async def add(self, mail_id: int, mailbox: str, outgoing: OutgoingMail) -> None:
        """Queue a mail in its own transaction."""
        async with self._backend.postgres.transaction() as db:
            await self.insert(db, mail_id, mailbox, outgoing)

    async def insert(
        self, db: asyncpg.Connection, mail_id: int, mailbox: str, outgoing: OutgoingMail
    ) -> bool:
        """Queue a mail in the caller's transaction; False when there is one of its kind already."""
        encryption = self._backend.encryption
        new = await SQL.fetch_value(
            db,
            "insert_outgoing",
            mail_id=mail_id,
            mailbox=mailbox,
            kind=outgoing.kind,
            message_id=outgoing.message_id,
            envelope_token=outgoing.envelope_token,
            recipient_sealed=encryption.seal_text(outgoing.recipient, "recipient"),
            recipient=self._backend.address_fingerprint(outgoing.recipient),
            content_sealed=await self._backend.seal(outgoing.content, "outgoing"),
            now=self._backend.clock.now(),
        )
        return new is not None

    async def claim(self, lease_s: float) -> Delivery | None:
        """Lease the next mail to be sent, its state now `sending`; None when none is due."""
        now = self._backend.clock.now()
        lease_until = now + timedelta(seconds=lease_s)
        async with self._backend.postgres.connection() as db:
            row = await SQL.fetch_row(db, "claim", now=now, lease_until=lease_until)
        if row is None:
            return None
        columns = dict(row)
        recipient = self._backend.encryption.open_text(columns.pop("recipient_sealed"), "recipient")
        content = await self._backend.unseal(columns.pop("bytes_sealed"), "outgoing")
        return Delivery(recipient=recipient, content=content, **columns)

    async def mark_transmitting(self, delivery: Delivery) -> bool:
        """Record that the content leaves now: an interruption from here on is ambiguous.

        False when it is erased since it was claimed.
        """
        async with self._backend.postgres.connection() as db:
            marked = await SQL.fetch_value(db, "mark_transmitting", outgoing_id=delivery.id)
        return marked is not None

    async def record_result(
        self, delivery: Delivery, state: OutgoingState, answer: str, retry_s: float = 0.0
    ) -> None:
        """Record the result of a delivery attempt; a deferred one is due again after `retry_s`.

        `answer` is the relay's reply code, or the name of the error.
        """
        now = self._backend.clock.now()
        async with self._backend.postgres.transaction() as db:
            await SQL.execute(
                db,
                "record_result",
                outgoing_id=delivery.id,
                state=state,
                answer=answer,
                now=now,
                retry_at=now + timedelta(seconds=retry_s),
            )
            await SQL.execute(db, "forget_erasure_letter", outgoing_id=delivery.id)
            await self._backend.record_event(db, delivery.mail_id, f"reply {state}", answer)

    async def recover_expired(self) -> int:
        """Recover the deliveries of crashed workers; return how many.

        Those before transmission are due again; the outcome of the others is unknown.
        """
        async with self._backend.postgres.transaction() as db:
            rows = await SQL.fetch(db, "recover_expired", now=self._backend.clock.now())
            for row in rows:
                step = f"reply {row['state']}"
                await self._backend.record_event(db, row["mail_id"], step, "worker died")
        return len(rows)

    async def list_unknown(self, limit: int = 50) -> Sequence[UnknownDelivery]:
        """Return deliveries whose outcome is unknown, the oldest first."""
        async with self._backend.postgres.connection() as db:
            rows = await SQL.fetch(db, "list_unknown", limit=limit)
        return [UnknownDelivery(**row) for row in rows]

    async def resolve_unknown(self, outgoing_id: int, state: OutgoingState, reason: str) -> None:
        """Record the outcome of a delivery that was unknown."""
        now = self._backend.clock.now()
        async with self._backend.postgres.transaction() as db:
            mail_id = await SQL.fetch_value(
                db, "resolve_unknown", outgoing_id=outgoing_id, state=state, reason=reason, now=now
            )
            if mail_id is not None:
                await SQL.execute(db, "forget_erasure_letter", outgoing_id=outgoing_id)
                await self._backend.record_event(db, mail_id, f"reply {state}", reason)

    async def list_uncopied(self, mailbox: str, limit: int = 20) -> Sequence[UncopiedMail]:
        """Return the mails that were sent and have no copy in the Sent folder yet."""
        async with self._backend.postgres.connection() as db:
            rows = await SQL.fetch(db, "list_uncopied", mailbox=mailbox, limit=limit)
        return [
            UncopiedMail(
                row["id"],
                row["message_id"],
                await self._backend.unseal(row["bytes_sealed"], "outgoing"),
            )
            for row in rows
        ]

    async def mark_copied(self, outgoing_id: int) -> None:
        """Record that the Sent folder holds a copy."""
        async with self._backend.postgres.connection() as db:
            await SQL.execute(db, "mark_copied", outgoing_id=outgoing_id)

    async def record_bounce(self, report_id: int, token: str, hard: bool) -> int | None:
        """Match a bounce with the outgoing mail it reports; return the id of the mail answered.

        The bounce, `report_id`, encloses our letter: it is erased with the mail.

        None when no mail that left has this envelope token, or it has bounced for good before.
        """
        now = self._backend.clock.now()
        async with self._backend.postgres.transaction() as db:
            row = await SQL.fetch_row(db, "record_bounce", token=token, hard=hard, now=now)
            if row is None:
                return None
            await SQL.execute(db, "link_report", report_id=report_id, mail_id=row["mail_id"])
            if hard:
                await SQL.execute(
                    db, "count_hard_bounce", recipient=row["recipient_print"], now=now
                )
            kind = "hard" if hard else "soft"
            await self._backend.record_event(db, row["mail_id"], "reply bounced", kind)
        return int(row["mail_id"])

    async def prove_deliverable(self, address: str) -> None:
        """Forget the hard bounces of an address from which a proven sender has written."""
        recipient = self._backend.address_fingerprint(address)
        async with self._backend.postgres.connection() as db:
            await SQL.execute(db, "forget_hard_bounces", recipient=recipient)

    async def is_undeliverable(self, address: str) -> bool:
        """Return whether mail to the address bounced for good MAX_HARD_BOUNCES times."""
        recipient = self._backend.address_fingerprint(address)
        async with self._backend.postgres.connection() as db:
            return bool(
                await SQL.fetch_value(
                    db, "is_undeliverable", recipient=recipient, limit=MAX_HARD_BOUNCES
                )
            )
