"""The ledger in Postgres: every mail, every reply, every step, and who may work on what.

All SQL of mail_service stands here, which makes the file long. Workers take rows with SKIP LOCKED
under a lease, so a dead worker's row comes free by itself. Each method is one transaction. What
people wrote is sealed, addresses are found by fingerprint.
"""

import asyncio
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import asyncpg

from mail_service.errors import NotReviewable, UnknownMail
from mail_service.reading.message import Mail
from mail_service.reading.reader import MAILS
from mail_service.rules.context import History
from shared.clock import Clock
from shared.privacy.encryption import Encryption
from shared.stores.postgres import Postgres, PostgresLost, Row

State = Literal[
    "received",
    "silent",
    "quarantined",
    "review",
    "answered",
    "rejected",
    "dry_run",
    "failed",
    "erased",
]
OutgoingState = Literal["ready", "sending", "unknown", "sent", "deferred", "failed"]
Kind = Literal["reply", "holding", "erasure"]

MESSAGE_ID = re.compile(rb"^message-id:\s*(<[^<>\s]{1,500}>)", re.IGNORECASE | re.MULTILINE)
HEADER_END = re.compile(rb"\r?\n\r?\n")
IN_A_THREAD_BYTES = 256 * 1024
"""Sealing or hashing more than this at once would hold up the event loop."""
HARD_BOUNCES = 2


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mail lies on a server."""

    mailbox: str
    folder: str
    uid_validity: int
    uid: int


@dataclass(frozen=True, slots=True)
class Work:
    """A mail to be worked on, lent until its lease ends."""

    id: int
    mailbox: str
    raw: bytes
    size_bytes: int
    attempts: int
    received_at: datetime
    let_through: bool


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said earlier in a conversation."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Thread:
    """The conversation a mail belongs to; `turns` is empty unless its sender may see them."""

    id: int
    turns: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A mail of ours, frozen: these bytes are sent, or none."""

    kind: Kind
    message_id: str
    envelope_token: str
    recipient: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Delivery:
    """An outgoing mail to be sent now, lent until its lease ends."""

    id: int
    mail_id: int
    mailbox: str
    message_id: str
    envelope_token: str
    recipient: str
    content: bytes
    attempts: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mail, to be written down with what came out of it."""

    state: State
    reason: str
    fired: tuple[str, ...] = ()
    draft: str = ""
    outgoing: Outgoing | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A step in the life of a mail."""

    at: datetime
    step: str
    reason: str


@dataclass(frozen=True, slots=True)
class Sent:
    """What we sent, or mean to send, in answer to a mail."""

    kind: str
    state: str
    message_id: str
    attempts: int
    last_answer: str
    sent_at: datetime | None
    bounced_at: datetime | None


@dataclass(frozen=True, slots=True)
class Entry:
    """A mail in a list: nothing in it comes from its sender."""

    id: int
    mailbox: str
    state: State
    reason: str
    fired: tuple[str, ...]
    size_bytes: int
    attempts: int
    received_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class File:
    """Everything the ledger knows of one mail."""

    entry: Entry
    mail: Mail | None
    draft: str
    events: tuple[Event, ...]
    sent: tuple[Sent, ...]


def identity_of(raw: bytes) -> bytes:
    """Return what makes two deliveries the same mail: Message-ID and body, or all the bytes.

    The body counts because a Message-ID can be repeated with other content; the rest of the
    header does not, because it grows on the way.
    """
    end = HEADER_END.search(raw)
    header = raw[: end.start()] if end else raw
    name = MESSAGE_ID.search(header)
    if name is None:
        return hashlib.sha256(raw).digest()
    body = raw[end.end() :] if end else b""
    return hashlib.sha256(name[1] + b"\0" + body.rstrip()).digest()


class Store:
    """The ledger."""

    def __init__(self, postgres: Postgres, vault: Encryption, clock: Clock) -> None:
        self._postgres = postgres
        self._vault = vault
        self._clock = clock

    async def migrate(self, folder: Path) -> None:
        """Bring the schema forward. Raises PostgresLost."""
        await self._postgres.migrate(folder)

    async def check(self) -> None:
        """Return once the ledger answers and has its schema. Raises PostgresLost."""
        try:
            await self._postgres.fetch_one("SELECT 1 FROM mails LIMIT 1")
        except asyncpg.UndefinedTableError as error:
            raise PostgresLost("no schema yet") from error

    # Intake

    async def admit(self, place: Place, raw: bytes, size_bytes: int) -> int | None:
        """Write a mail down with where it lies; return its number.

        None means that there is nothing to do: the mail was erased, and stays so. The same mail
        seen again, here or elsewhere, gets the number it has.
        """
        large = len(raw) >= IN_A_THREAD_BYTES
        identity = await asyncio.to_thread(identity_of, raw) if large else identity_of(raw)
        print_ = self._vault.fingerprint(identity.hex(), "identity")
        sealed = await self._seal(raw, "raw")
        now = self._clock.now()
        async with self._postgres.transaction() as db:
            mail_id = None
            if await db.fetchval("SELECT 1 FROM tombstones WHERE identity = $1", print_) is None:
                mail_id = await self._insert(db, place.mailbox, print_, sealed, size_bytes, now)
            await db.execute(
                """INSERT INTO sightings (mailbox, folder, uid_validity, uid, mail_id, seen_at)
                VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING""",
                place.mailbox,
                place.folder,
                place.uid_validity,
                place.uid,
                mail_id,
                now,
            )
        return mail_id

    async def _insert(
        self,
        db: asyncpg.Connection,
        mailbox: str,
        identity: bytes,
        sealed: bytes,
        size_bytes: int,
        now: datetime,
    ) -> int:
        new = await db.fetchval(
            """INSERT INTO mails (mailbox, identity, state, size_bytes, raw_sealed, received_at,
            next_at) VALUES ($1, $2, 'received', $3, $4, $5, $5)
            ON CONFLICT (mailbox, identity) DO NOTHING RETURNING id""",
            mailbox,
            identity,
            size_bytes,
            sealed,
            now,
        )
        if new is not None:
            await self._note(db, new, "received")
            return int(new)
        known = await db.fetchval(
            "SELECT id FROM mails WHERE mailbox = $1 AND identity = $2", mailbox, identity
        )
        return int(known)

    async def seen(self, mailbox: str, folder: str, uid_validity: int) -> set[int]:
        """Return the UIDs already written down."""
        rows = await self._postgres.fetch(
            """SELECT uid FROM sightings
            WHERE mailbox = $1 AND folder = $2 AND uid_validity = $3""",
            mailbox,
            folder,
            uid_validity,
        )
        return {row["uid"] for row in rows}

    # Work

    async def take(self, lease_s: float) -> Work | None:
        """Lend the mail that has waited longest; None when none is due."""
        now = self._clock.now()
        row = await self._postgres.fetch_one(
            """UPDATE mails SET lease_until = $2, attempts = attempts + 1 WHERE id = (
                SELECT id FROM mails WHERE state = 'received' AND next_at <= $1
                AND (lease_until IS NULL OR lease_until < $1)
                ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED)
            RETURNING id, mailbox, raw_sealed, size_bytes, attempts, received_at, let_through""",
            now,
            now + timedelta(seconds=lease_s),
        )
        if row is None:
            return None
        return Work(
            id=row["id"],
            mailbox=row["mailbox"],
            raw=await self._open(row["raw_sealed"], "raw"),
            size_bytes=row["size_bytes"],
            attempts=row["attempts"],
            received_at=row["received_at"],
            let_through=row["let_through"],
        )

    async def understood(self, work: Work, mail: Mail) -> None:
        """Keep the reading of a mail, and what it can be found by."""
        reading = await self._seal(MAILS.dump_json(mail), "reading")
        await self._postgres.execute(
            """UPDATE mails SET reading_sealed = $2, sender_print = $3, domain_print = $4,
            words_print = $5, message_id_print = $6 WHERE id = $1""",
            work.id,
            reading,
            self._address(mail.sender.address),
            self._vault.fingerprint(mail.sender.domain, "domain"),
            self._words(mail),
            self._vault.fingerprint(mail.message_id, "message id") if mail.message_id else None,
        )

    async def history(self, work: Work, mail: Mail, thread: int | None) -> History:
        """Count what went in and out lately."""
        now = self._clock.now()
        row = await self._postgres.fetch_one(
            """SELECT
            (SELECT count(*) FROM mails WHERE sender_print = $1 AND received_at > $4)
                AS sender_hour,
            (SELECT count(*) FROM mails WHERE sender_print = $1 AND received_at > $6)
                AS sender_day,
            (SELECT count(*) FROM outbox WHERE created_at > $4 AND kind = 'reply')
                AS everyone_hour,
            (SELECT count(*) FROM outbox WHERE created_at > $3 AND kind = 'reply')
                AS everyone_minute,
            (SELECT count(*) FROM outbox JOIN mails ON mails.id = outbox.mail_id
                WHERE mails.conversation_id = $7 AND outbox.kind = 'reply'
                AND outbox.created_at > $6) AS conversation_day,
            (SELECT count(*) FROM outbox WHERE recipient_print = $1 AND kind = 'reply'
                AND created_at > $5) AS replies_sender,
            (SELECT count(*) FROM outbox WHERE recipient_print = $1 AND kind = 'reply'
                AND created_at > $4) AS replies_sender_hour,
            (SELECT count(*) FROM outbox JOIN mails ON mails.id = outbox.mail_id
                WHERE mails.domain_print = $2 AND outbox.kind = 'reply'
                AND outbox.created_at > $4) AS replies_domain,
            (SELECT count(*) FROM mails WHERE sender_print = $1 AND words_print = $8
                AND received_at > $6 AND id < $9) AS same_words""",
            self._address(mail.sender.address),
            self._vault.fingerprint(mail.sender.domain, "domain"),
            now - timedelta(minutes=1),
            now - timedelta(hours=1),
            now - timedelta(hours=3),
            now - timedelta(days=1),
            thread,
            self._words(mail),
            work.id,
        )
        assert row is not None  # noqa: S101 - a SELECT of counts has one row
        return History(
            from_sender_hour=row["sender_hour"],
            from_sender_day=row["sender_day"],
            replies_to_everyone_hour=row["everyone_hour"],
            replies_to_everyone_minute=row["everyone_minute"],
            replies_to_conversation_day=row["conversation_day"],
            replies_to_sender_hour=row["replies_sender_hour"],
            replies_to_sender_3_hours=row["replies_sender"],
            replies_to_domain_hour=row["replies_domain"],
            same_words_day=row["same_words"],
        )

    async def thread(self, work: Work, mail: Mail, subject: str, *, may_see: bool) -> Thread:
        """Find the conversation the mail continues, or begin one; `subject` is without Re:.

        Only the person who holds the conversation continues it; another subject begins a new one
        that is linked to the old. Earlier turns come with it only if `may_see`.
        """
        sender = self._address(mail.sender.address)
        subject_print = self._vault.fingerprint(subject, "subject")
        prints = [self._vault.fingerprint(name, "message id") for name in mail.references]
        async with self._postgres.transaction() as db:
            own = await db.fetchval("SELECT conversation_id FROM mails WHERE id = $1", work.id)
            found = await db.fetchrow(
                """SELECT c.id, c.subject_print FROM conversations c JOIN mails m
                ON m.conversation_id = c.id LEFT JOIN outbox o ON o.mail_id = m.id
                WHERE c.participant_print = $1 AND c.mailbox = $4 AND m.id <> $5
                AND (m.message_id_print = ANY($2) OR o.message_id = ANY($3))
                ORDER BY m.id DESC LIMIT 1""",
                sender,
                prints,
                list(mail.references),
                work.mailbox,
                work.id,
            )
            if own is None:
                own = found["id"] if found and found["subject_print"] == subject_print else None
                if found is None:  # a robot may drop the references and keep the subject
                    own = await db.fetchval(
                        """SELECT id FROM conversations WHERE participant_print = $1
                        AND subject_print = $2 AND mailbox = $3 AND created_at > $4
                        ORDER BY id DESC LIMIT 1""",
                        sender,
                        subject_print,
                        work.mailbox,
                        self._clock.now() - timedelta(days=1),
                    )
                if own is None:
                    own = await db.fetchval(
                        """INSERT INTO conversations (mailbox, participant_print, subject_print,
                        continues, created_at) VALUES ($1, $2, $3, $4, $5) RETURNING id""",
                        work.mailbox,
                        sender,
                        subject_print,
                        found["id"] if found else None,
                        self._clock.now(),
                    )
                await db.execute(
                    "UPDATE mails SET conversation_id = $2 WHERE id = $1", work.id, own
                )
            turns = await self._turns(db, own, work.id) if may_see else ()
        return Thread(id=own, turns=turns)

    async def _turns(
        self, db: asyncpg.Connection, thread: int, before: int, limit: int = 6
    ) -> tuple[Turn, ...]:
        rows = await db.fetch(
            """SELECT reading_sealed, draft_sealed FROM mails WHERE conversation_id = $1
            AND id < $2 AND state = 'answered' AND reading_sealed IS NOT NULL
            ORDER BY id DESC LIMIT $3""",
            thread,
            before,
            limit,
        )
        turns: list[Turn] = []
        for row in reversed(rows):
            mail = MAILS.validate_json(self._vault.open(row["reading_sealed"], "reading"))
            turns.append(Turn("user", mail.question))
            if row["draft_sealed"] is not None:
                turns.append(Turn("assistant", self._vault.open_text(row["draft_sealed"], "draft")))
        return tuple(turns)

    async def settle(self, work: Work, outcome: Outcome) -> bool:
        """Write what became of a mail, its draft and its reply: all of it, or nothing.

        False when somebody else settled it meanwhile: our lease had run out.
        """
        now = self._clock.now()
        draft = await self._seal(outcome.draft.encode(), "draft") if outcome.draft else None
        async with self._postgres.transaction() as db:
            still = await db.fetchval(
                "SELECT 1 FROM mails WHERE id = $1 AND state = 'received' FOR UPDATE", work.id
            )
            if still is None:
                return False
            await db.execute(
                """UPDATE mails SET state = $2, reason = $3, fired = $4, finished_at = $5,
                draft_sealed = $6, lease_until = NULL WHERE id = $1""",
                work.id,
                outcome.state,
                outcome.reason,
                list(outcome.fired),
                now,
                draft,
            )
            if outcome.outgoing is not None:
                await self._enqueue(db, work.id, work.mailbox, outcome.outgoing)
            await self._note(db, work.id, outcome.state, outcome.reason)
        return True

    async def hold(self, work: Work, outgoing: Outgoing) -> None:
        """Send a holding reply, once, while the mail itself goes on waiting."""
        async with self._postgres.transaction() as db:
            if await self._enqueue(db, work.id, work.mailbox, outgoing):
                await self._note(db, work.id, "holding")

    async def later(self, work: Work, delay_s: float, reason: str) -> None:
        """Give a mail back, to be taken again after `delay_s`."""
        async with self._postgres.transaction() as db:
            await db.execute(
                """UPDATE mails SET next_at = $2, lease_until = NULL, reason = $3
                WHERE id = $1 AND state = 'received'""",
                work.id,
                self._clock.now() + timedelta(seconds=delay_s),
                reason,
            )
            await self._note(db, work.id, "later", reason)

    # Outbox

    async def _enqueue(
        self, db: asyncpg.Connection, mail_id: int, mailbox: str, mail: Outgoing
    ) -> bool:
        """Put a mail of ours in the outbox; False when it is there already."""
        now = self._clock.now()
        new = await db.fetchval(
            """INSERT INTO outbox (mail_id, mailbox, kind, message_id, envelope_token, state,
            recipient_sealed, recipient_print, bytes_sealed, created_at, next_at)
            VALUES ($1, $2, $3, $4, $5, 'ready', $6, $7, $8, $9, $9)
            ON CONFLICT (mail_id, kind) DO NOTHING RETURNING id""",
            mail_id,
            mailbox,
            mail.kind,
            mail.message_id,
            mail.envelope_token,
            self._vault.seal_text(mail.recipient, "recipient"),
            self._address(mail.recipient),
            self._vault.seal(mail.content, "outgoing"),
            now,
        )
        return new is not None

    async def take_outgoing(self, lease_s: float) -> Delivery | None:
        """Lend the next mail to be sent, its state now `sending`; None when none is due."""
        now = self._clock.now()
        row = await self._postgres.fetch_one(
            """UPDATE outbox SET state = 'sending', handed_over = false, lease_until = $2,
            attempts = attempts + 1 WHERE id = (
                SELECT id FROM outbox WHERE state IN ('ready', 'deferred') AND next_at <= $1
                ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED)
            RETURNING id, mail_id, mailbox, message_id, envelope_token, recipient_sealed,
            bytes_sealed, attempts""",
            now,
            now + timedelta(seconds=lease_s),
        )
        if row is None:
            return None
        return Delivery(
            id=row["id"],
            mail_id=row["mail_id"],
            mailbox=row["mailbox"],
            message_id=row["message_id"],
            envelope_token=row["envelope_token"],
            recipient=self._vault.open_text(row["recipient_sealed"], "recipient"),
            content=self._vault.open(row["bytes_sealed"], "outgoing"),
            attempts=row["attempts"],
        )

    async def handing_over(self, delivery: Delivery) -> None:
        """Say that the bytes leave now: from here on, an interruption has an unknown outcome."""
        await self._postgres.execute(
            "UPDATE outbox SET handed_over = true WHERE id = $1 AND state = 'sending'", delivery.id
        )

    async def delivered(
        self, delivery: Delivery, state: OutgoingState, answer: str, retry_s: float | None = None
    ) -> None:
        """Write down how a delivery ended, with the relay's reply code or what went wrong."""
        now = self._clock.now()
        async with self._postgres.transaction() as db:
            await db.execute(
                """UPDATE outbox SET state = $2, last_answer = $3, lease_until = NULL,
                sent_at = CASE WHEN $2 = 'sent' THEN $4 ELSE sent_at END,
                next_at = CASE WHEN $2 = 'deferred' THEN $5 ELSE next_at END WHERE id = $1""",
                delivery.id,
                state,
                answer,
                now,
                now + timedelta(seconds=retry_s or 0.0),
            )
            await self._note(db, delivery.mail_id, f"reply {state}", answer)

    async def recover(self) -> int:
        """Take back deliveries whose worker died; return how many.

        Before the bytes left they are simply due again; afterwards nobody knows.
        """
        async with self._postgres.transaction() as db:
            rows = await db.fetch(
                """UPDATE outbox SET lease_until = NULL, last_answer = 'worker died',
                state = CASE WHEN handed_over THEN 'unknown' ELSE 'deferred' END
                WHERE state = 'sending' AND lease_until < $1 RETURNING mail_id, state""",
                self._clock.now(),
            )
            for row in rows:
                await self._note(db, row["mail_id"], f"reply {row['state']}", "worker died")
        return len(rows)

    async def unknown_deliveries(self, limit: int = 50) -> Sequence[Row]:
        """Return id, mail_id, mailbox, message_id and created_at of mails nobody knows about."""
        return await self._postgres.fetch(
            """SELECT id, mail_id, mailbox, message_id, created_at FROM outbox
            WHERE state = 'unknown' ORDER BY id LIMIT $1""",
            limit,
        )

    async def uncopied(self, mailbox: str, limit: int = 20) -> list[tuple[int, str, bytes]]:
        """Return id, Message-ID and bytes of what was sent and has no copy in Sent yet."""
        rows = await self._postgres.fetch(
            """SELECT id, message_id, bytes_sealed FROM outbox WHERE mailbox = $1
            AND state = 'sent' AND NOT copied AND bytes_sealed IS NOT NULL ORDER BY id LIMIT $2""",
            mailbox,
            limit,
        )
        return [
            (row["id"], row["message_id"], self._vault.open(row["bytes_sealed"], "outgoing"))
            for row in rows
        ]

    async def copied(self, outgoing_id: int) -> None:
        """Say that Sent holds a copy."""
        await self._postgres.execute("UPDATE outbox SET copied = true WHERE id = $1", outgoing_id)

    async def resolve(self, outgoing_id: int, state: OutgoingState, why: str) -> None:
        """Say what became of a delivery whose outcome was unknown."""
        async with self._postgres.transaction() as db:
            mail_id = await db.fetchval(
                """UPDATE outbox SET state = $2, last_answer = $3, next_at = $4,
                sent_at = CASE WHEN $2 = 'sent' THEN coalesce(sent_at, $4) ELSE sent_at END
                WHERE id = $1 AND state = 'unknown' RETURNING mail_id""",
                outgoing_id,
                state,
                why,
                self._clock.now(),
            )
            if mail_id is not None:
                await self._note(db, mail_id, f"reply {state}", why)

    async def bounced(
        self, tokens: Sequence[str], message_ids: Sequence[str], hard: bool
    ) -> int | None:
        """Match a bounce with the mail of ours that it is about; return that mail's number."""
        now = self._clock.now()
        async with self._postgres.transaction() as db:
            row = await db.fetchrow(
                """UPDATE outbox SET bounced_at = $3, last_answer = 'bounced',
                state = CASE WHEN $4 THEN 'failed' ELSE state END
                WHERE envelope_token = ANY($1) OR message_id = ANY($2)
                RETURNING mail_id, recipient_print""",
                list(tokens),
                list(message_ids),
                now,
                hard,
            )
            if row is None:
                return None
            if hard:
                await db.execute(
                    """INSERT INTO dead_addresses (recipient_print, hard_bounces, at)
                    VALUES ($1, 1, $2) ON CONFLICT (recipient_print) DO UPDATE
                    SET hard_bounces = dead_addresses.hard_bounces + 1, at = $2""",
                    row["recipient_print"],
                    now,
                )
            await self._note(db, row["mail_id"], "reply bounced", "hard" if hard else "soft")
        return int(row["mail_id"])

    async def is_dead(self, address: str) -> bool:
        """Tell whether mail to the address came back, for good, more than once."""
        row = await self._postgres.fetch_one(
            "SELECT 1 FROM dead_addresses WHERE recipient_print = $1 AND hard_bounces >= $2",
            self._address(address),
            HARD_BOUNCES,
        )
        return row is not None

    # People

    async def entries(self, state: str | None, before: int | None, limit: int) -> tuple[Entry, ...]:
        """List mails, the newest first."""
        rows = await self._postgres.fetch(
            """SELECT * FROM mails WHERE ($1::text IS NULL OR state = $1)
            AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3""",
            state,
            before,
            limit,
        )
        return tuple(_entry(row) for row in rows)

    async def file(self, mail_id: int) -> File:
        """Return everything about one mail. Raises UnknownMail."""
        async with self._postgres.transaction() as db:
            row = await db.fetchrow("SELECT * FROM mails WHERE id = $1", mail_id)
            if row is None:
                raise UnknownMail
            events = await db.fetch(
                "SELECT at, step, reason FROM events WHERE mail_id = $1 ORDER BY id", mail_id
            )
            sent = await db.fetch(
                """SELECT kind, state, message_id, attempts, last_answer, sent_at, bounced_at
                FROM outbox WHERE mail_id = $1 ORDER BY id""",
                mail_id,
            )
        reading, draft = row["reading_sealed"], row["draft_sealed"]
        return File(
            entry=_entry(row),
            mail=MAILS.validate_json(self._vault.open(reading, "reading")) if reading else None,
            draft=self._vault.open_text(draft, "draft") if draft else "",
            events=tuple(Event(**event) for event in events),
            sent=tuple(Sent(**each) for each in sent),
        )

    async def decide(self, mail_id: int, outcome: Outcome, mailbox: str) -> None:
        """Write a reviewer's decision. Raises NotReviewable when there is none to take."""
        async with self._postgres.transaction() as db:
            done = await db.fetchval(
                """UPDATE mails SET state = $2, reason = $3, draft_sealed = $4, finished_at = $5
                WHERE id = $1 AND state = 'review' RETURNING id""",
                mail_id,
                outcome.state,
                outcome.reason,
                self._vault.seal_text(outcome.draft, "draft") if outcome.draft else None,
                self._clock.now(),
            )
            if done is None:
                raise NotReviewable
            if outcome.outgoing is not None:
                await self._enqueue(db, mail_id, mailbox, outcome.outgoing)
            await self._note(db, mail_id, outcome.state, outcome.reason)

    async def reject(self, mail_id: int, reason: str) -> None:
        """Decide that a mail gets no reply of ours. Raises NotReviewable."""
        async with self._postgres.transaction() as db:
            done = await db.fetchval(
                """UPDATE mails SET state = 'rejected', reason = $2, finished_at = $3
                WHERE id = $1 AND state IN ('review', 'quarantined') RETURNING id""",
                mail_id,
                reason,
                self._clock.now(),
            )
            if done is None:
                raise NotReviewable
            await self._note(db, mail_id, "rejected", reason)

    async def retry(self, mail_id: int) -> None:
        """Work on a mail again, let through by a person, or send again what may not have left.

        Raises NotReviewable when the mail is neither held back nor its reply in doubt.
        """
        now = self._clock.now()
        async with self._postgres.transaction() as db:
            held = await db.fetchval(
                """UPDATE mails SET state = 'received', let_through = true, next_at = $2,
                lease_until = NULL WHERE id = $1 AND raw_sealed IS NOT NULL
                AND state IN ('quarantined', 'failed', 'dry_run', 'silent', 'rejected')
                RETURNING id""",
                mail_id,
                now,
            )
            again = held or await db.fetchval(
                """UPDATE outbox SET state = 'ready', next_at = $2 WHERE mail_id = $1
                AND state IN ('unknown', 'failed') AND bytes_sealed IS NOT NULL RETURNING id""",
                mail_id,
                now,
            )
            if again is None:
                raise NotReviewable
            await self._note(db, mail_id, "retried", "by a person")

    async def counts(self) -> Mapping[str, int]:
        """Count mails and replies by state, and what is overdue."""
        now = self._clock.now()
        rows = await self._postgres.fetch(
            """SELECT 'mail_' || state AS name, count(*) AS number FROM mails GROUP BY state
            UNION ALL SELECT 'reply_' || state, count(*) FROM outbox GROUP BY state
            UNION ALL SELECT 'overdue', count(*) FROM mails
                WHERE state = 'received' AND received_at < $1""",
            now - timedelta(minutes=5),
        )
        return {row["name"]: row["number"] for row in rows}

    async def waiting_s(self) -> float:
        """Return the age of the oldest mail still to be worked on, in seconds."""
        row = await self._postgres.fetch_one(
            "SELECT min(received_at) AS oldest FROM mails WHERE state = 'received'"
        )
        oldest = row["oldest"] if row else None
        return (self._clock.now() - oldest).total_seconds() if oldest else 0.0

    # Retention and rights

    async def find_person(self, address: str) -> tuple[int, ...]:
        """Return the numbers of the mails a person wrote, from any address with that spelling."""
        rows = await self._postgres.fetch(
            "SELECT id FROM mails WHERE sender_print = $1 ORDER BY id", self._address(address)
        )
        return tuple(row["id"] for row in rows)

    async def erase(self, mail_ids: Sequence[int], reason: str) -> int:
        """Forget mails for good, and refuse them when the server shows them again."""
        now = self._clock.now()
        async with self._postgres.transaction() as db:
            rows = await db.fetch(
                """UPDATE mails SET state = 'erased', raw_sealed = NULL, reading_sealed = NULL,
                draft_sealed = NULL, sender_print = NULL, domain_print = NULL, words_print = NULL,
                message_id_print = NULL, reason = $2, fired = '{}', conversation_id = NULL,
                lease_until = NULL, finished_at = $3
                WHERE id = ANY($1) AND state <> 'erased' RETURNING id, identity""",
                list(mail_ids),
                reason,
                now,
            )
            await db.executemany(
                "INSERT INTO tombstones (identity, at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                [(row["identity"], now) for row in rows],
            )
            erased = [row["id"] for row in rows]
            await db.execute(
                """UPDATE outbox SET bytes_sealed = NULL, recipient_sealed = NULL,
                recipient_print = ''::bytea, state = CASE WHEN state IN ('ready', 'deferred')
                THEN 'failed' ELSE state END
                WHERE mail_id = ANY($1) AND kind <> 'erasure'""",
                erased,
            )
            await db.execute(
                """DELETE FROM conversations c WHERE NOT EXISTS
                (SELECT 1 FROM mails m WHERE m.conversation_id = c.id)"""
            )
            await db.execute("DELETE FROM events WHERE mail_id = ANY($1)", erased)
            for mail_id in erased:
                await self._note(db, mail_id, "erased", reason)
        return len(erased)

    async def announce_erasure(self, mail_id: int, mailbox: str, outgoing: Outgoing) -> None:
        """Confirm an erasure to the person who asked for it."""
        async with self._postgres.transaction() as db:
            await self._enqueue(db, mail_id, mailbox, outgoing)

    async def expire(self, texts_before: datetime, rows_before: datetime) -> tuple[int, int]:
        """Forget the texts of finished mails, and the oldest rows; return how many of each.

        Rows of a mail that still lies on the server leave a tombstone, or it would come back.
        """
        async with self._postgres.transaction() as db:
            texts = await db.fetch(
                """UPDATE mails SET raw_sealed = NULL, reading_sealed = NULL, draft_sealed = NULL
                WHERE finished_at < $1 AND raw_sealed IS NOT NULL RETURNING id""",
                texts_before,
            )
            await db.execute(
                """UPDATE outbox SET bytes_sealed = NULL, recipient_sealed = NULL
                WHERE created_at < $1 AND state IN ('sent', 'failed')""",
                texts_before,
            )
            rows = await db.fetch(
                "DELETE FROM mails WHERE finished_at < $1 RETURNING identity", rows_before
            )
            await db.executemany(
                "INSERT INTO tombstones (identity, at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                [(row["identity"], self._clock.now()) for row in rows],
            )
        return len(texts), len(rows)

    async def reseal(self, limit: int = 100) -> int:
        """Seal again what an older key sealed; return how many rows were touched.

        Called until it returns 0, after which the older key may be removed from the file.
        """
        columns = (
            ("mails", "raw_sealed", "raw"),
            ("mails", "reading_sealed", "reading"),
            ("mails", "draft_sealed", "draft"),
            ("outbox", "bytes_sealed", "outgoing"),
            ("outbox", "recipient_sealed", "recipient"),
        )
        touched = 0
        for table, column, purpose in columns:
            rows = await self._postgres.fetch(
                f"SELECT id, {column} AS sealed FROM {table} "  # noqa: S608 - our own names
                f"WHERE {column} IS NOT NULL AND substr({column}, 1, 4) <> $1 LIMIT $2",
                self._vault.newest_id,
                limit,
            )
            await self._postgres.execute_many(
                f"UPDATE {table} SET {column} = $2 WHERE id = $1",  # noqa: S608 - our own names
                [
                    (row["id"], self._vault.seal(self._vault.open(row["sealed"], purpose), purpose))
                    for row in rows
                ],
            )
            touched += len(rows)
        return touched

    # Details

    async def _note(
        self, db: asyncpg.Connection, mail_id: int, step: str, reason: str = ""
    ) -> None:
        await db.execute(
            "INSERT INTO events (mail_id, at, step, reason) VALUES ($1, $2, $3, $4)",
            mail_id,
            self._clock.now(),
            step,
            reason,
        )

    async def _seal(self, clear: bytes, purpose: str) -> bytes:
        if len(clear) < IN_A_THREAD_BYTES:
            return self._vault.seal(clear, purpose)
        return await asyncio.to_thread(self._vault.seal, clear, purpose)

    async def _open(self, sealed: bytes, purpose: str) -> bytes:
        if len(sealed) < IN_A_THREAD_BYTES:
            return self._vault.open(sealed, purpose)
        return await asyncio.to_thread(self._vault.open, sealed, purpose)

    def _address(self, address: str) -> bytes:
        return self._vault.fingerprint(address.strip().lower(), "address")

    def _words(self, mail: Mail) -> bytes | None:
        words = " ".join(re.findall(r"\w+", mail.full_text.lower()))
        return self._vault.fingerprint(words, "words") if words else None


def _entry(row: Row) -> Entry:
    return Entry(
        id=row["id"],
        mailbox=row["mailbox"],
        state=row["state"],
        reason=row["reason"],
        fired=tuple(row["fired"]),
        size_bytes=row["size_bytes"],
        attempts=row["attempts"],
        received_at=row["received_at"],
        finished_at=row["finished_at"],
    )
