"""People, preferences, messages, feedback and erasures in Postgres: every SQL statement is here.

Bodies are encrypted before they come here, choices here. People and chats are in the columns as
fingerprints (`Vault.number`). Raises PostgresLost throughout.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import asyncpg

from shared.stores.postgres import Postgres
from telegram_service.addresses import ChatId, channel_of
from telegram_service.state.preferences import Preferences
from telegram_service.state.records import (
    FeedbackGiven,
    MessageRecorded,
    PersonSeen,
    PreferencesChosen,
    Record,
)
from telegram_service.vault import CHOICES, Vault

MIGRATIONS = Path(__file__).parents[1] / "migrations"
BODY = "telegram message"
PERSON = "telegram person"
RESEAL_BATCH = 200
FORWARD_BATCH = 50


@dataclass(frozen=True)
class StoredMessage:
    """A question or an answer, decrypted."""

    at: datetime
    author: Literal["person", "assistant"]
    body: str
    model: str | None
    due: datetime


@dataclass(frozen=True)
class Feedback:
    """A person's thumb."""

    at: datetime
    thumb: int
    reason: str | None


@dataclass(frozen=True)
class UnsentFeedback:
    """A thumb on its way to ai_core; `person` is a fingerprint."""

    update_id: int
    person: int
    thumb: int
    reason: str | None
    at: datetime
    answer_id: str
    channel: str


@dataclass(frozen=True)
class Receipt:
    """Proof of an erasure."""

    id: str
    at: datetime
    messages: int
    conversations: int


class Store:
    """Reads and writes; writing is idempotent."""

    def __init__(self, postgres: Postgres, vault: Vault) -> None:
        self._postgres = postgres
        self._vault = vault

    async def migrate(self) -> None:
        """Apply the migrations that are missing."""
        await self._postgres.migrate(MIGRATIONS)

    async def write(self, records: Sequence[Record]) -> None:
        """Write records, in order, all or none; what is older than an erasure is left out."""
        async with self._postgres.transaction() as connection:
            for record in records:
                if not await self._erased_since(connection, record.person, record.at):
                    await self._write_one(connection, record)

    async def _erased_since(
        self, connection: asyncpg.Connection, person: ChatId, at: datetime
    ) -> bool:
        number = self._vault.number(person)
        await connection.execute("SELECT pg_advisory_xact_lock($1)", number)
        return bool(
            await connection.fetchval(
                "SELECT EXISTS (SELECT FROM receipts WHERE fingerprint = $1 AND at >= $2)",
                self._fingerprint(person),
                at,
            )
        )

    async def _write_one(self, connection: asyncpg.Connection, record: Record) -> None:
        number = self._vault.number
        match record:
            case PersonSeen():
                await connection.execute(
                    """
                    INSERT INTO people AS known (id, first_seen, last_seen, reachable)
                    VALUES ($1, $2, $2, $3)
                    ON CONFLICT (id) DO UPDATE
                    SET last_seen = $2, reachable = $3 WHERE known.last_seen <= $2
                    """,
                    number(record.person), record.at, record.reachable,
                )  # fmt: skip
            case PreferencesChosen():
                await connection.execute(
                    """
                    INSERT INTO preferences AS old (owner, chosen, sealed, changed_at)
                    VALUES ($1, '{}', $2, $3)
                    ON CONFLICT (owner) DO UPDATE
                    SET sealed = $2, changed_at = $3 WHERE old.changed_at <= $3
                    """,
                    number(record.owner), self._sealed_choices(record.preferences), record.at,
                )  # fmt: skip
            case MessageRecorded():
                await connection.execute(
                    """
                    INSERT INTO messages
                        (update_id, author, person, chat, thread, body, model, at, due)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
                    ON CONFLICT DO NOTHING
                    """,
                    record.update_id, record.author, number(record.person), number(record.chat),
                    record.thread, record.body, record.model, record.at, record.due,
                )  # fmt: skip
            case FeedbackGiven():
                await connection.execute(
                    """
                    INSERT INTO feedback AS old
                        (update_id, person, chat, thumb, reason, at, answer_id, channel)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                    ON CONFLICT (update_id, person) DO UPDATE
                    SET thumb = $4, reason = $5, at = $6, answer_id = $7 WHERE old.at <= $6
                    """,
                    record.update_id, number(record.person), number(record.chat),
                    record.thumb, record.reason, record.at, record.answer_id,
                    channel_of(record.chat),
                )  # fmt: skip

    async def preferences(self, owner: ChatId) -> Preferences | None:
        """Return an owner's preferences, or None."""
        row = await self._postgres.fetch_one(
            "SELECT sealed FROM preferences WHERE owner = $1 AND sealed IS NOT NULL",
            self._vault.number(owner),
        )
        opened = self._vault.open(row["sealed"], CHOICES) if row else None
        return Preferences.model_validate_json(opened) if opened else None

    async def messages(self, person: ChatId) -> list[StoredMessage]:
        """Return a person's questions and answers, oldest first."""
        rows = await self._postgres.fetch(
            "SELECT at, author, body, model, due FROM messages WHERE person = $1 ORDER BY at, id",
            self._vault.number(person),
        )
        return [
            StoredMessage(
                row["at"], row["author"], self._vault.open_text(row["body"], BODY),
                row["model"], row["due"],
            )
            for row in rows
        ]  # fmt: skip

    async def feedback(self, person: ChatId) -> list[Feedback]:
        """Return the feedback a person gave."""
        rows = await self._postgres.fetch(
            "SELECT at, thumb, reason FROM feedback WHERE person = $1 ORDER BY at",
            self._vault.number(person),
        )
        return [Feedback(row["at"], row["thumb"], row["reason"]) for row in rows]

    async def unsent_feedback(self) -> list[UnsentFeedback]:
        """Return a batch of the feedback that ai_core has not, oldest first."""
        rows = await self._postgres.fetch(
            """
            SELECT update_id, person, thumb, reason, at, answer_id, channel FROM feedback
            WHERE answer_id IS NOT NULL AND (forwarded_at IS NULL OR forwarded_at < at)
            ORDER BY at LIMIT $1
            """,
            FORWARD_BATCH,
        )
        return [UnsentFeedback(**dict(row)) for row in rows]

    async def mark_sent(self, feedback: UnsentFeedback) -> None:
        """Note that ai_core has this; what was given since is still to be sent."""
        await self._postgres.execute(
            "UPDATE feedback SET forwarded_at = $3 WHERE update_id = $1 AND person = $2",
            feedback.update_id, feedback.person, feedback.at,
        )  # fmt: skip

    async def first_seen(self, person: ChatId) -> datetime | None:
        """Return when a person first wrote."""
        row = await self._postgres.fetch_one(
            "SELECT first_seen FROM people WHERE id = $1", self._vault.number(person)
        )
        return row["first_seen"] if row else None

    async def erase(
        self, person: ChatId, receipt: str, at: datetime, conversations: int
    ) -> Receipt:
        """Erase all data of a person up to `at` and leave a receipt; idempotent by its id."""
        number = self._vault.number(person)
        async with self._postgres.transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock($1)", number)
            deleted = await connection.execute(
                "DELETE FROM messages WHERE person = $1 AND at <= $2", number, at
            )
            for statement in (
                "DELETE FROM feedback WHERE person = $1 AND at <= $2",
                "DELETE FROM preferences WHERE owner = $1 AND changed_at <= $2",
            ):
                await connection.execute(statement, number, at)
            await connection.execute("DELETE FROM people WHERE id = $1", number)
            await connection.execute(
                """
                INSERT INTO receipts (id, fingerprint, at, messages, conversations)
                VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
                """,
                receipt, self._fingerprint(person), at, int(deleted.split()[-1]), conversations,
            )  # fmt: skip
            row = await connection.fetchrow("SELECT * FROM receipts WHERE id = $1", receipt)
        return Receipt(row["id"], row["at"], row["messages"], row["conversations"])

    async def delete_expired(self, now: datetime) -> int:
        """Delete messages past their retention, and feedback after a year; return how many rows."""
        removed = await self._postgres.execute("DELETE FROM messages WHERE due <= $1", now)
        year = now - timedelta(days=365)
        return removed + await self._postgres.execute("DELETE FROM feedback WHERE at <= $1", year)

    async def reseal(self) -> int:
        """Encrypt a batch of older rows again with the newest key; return how many."""
        return await self._reseal_messages() + await self._reseal_choices()

    async def _reseal_messages(self) -> int:
        newest = self._vault.newest_id
        rows = await self._postgres.fetch(
            "SELECT id, body FROM messages WHERE substring(body FOR 4) <> $1 LIMIT $2",
            newest,
            RESEAL_BATCH,
        )
        again = [
            (row["id"], self._vault.seal(self._vault.open(row["body"], BODY), BODY)) for row in rows
        ]
        await self._postgres.execute_many("UPDATE messages SET body = $2 WHERE id = $1", again)
        return len(again)

    async def _reseal_choices(self) -> int:
        newest = self._vault.newest_id
        rows = await self._postgres.fetch(
            "SELECT owner, sealed FROM preferences WHERE substring(sealed FOR 4) <> $1 LIMIT $2",
            newest,
            RESEAL_BATCH,
        )
        again = [
            (row["owner"], self._vault.seal(self._vault.open(row["sealed"], CHOICES), CHOICES),
             row["sealed"])
            for row in rows
        ]  # fmt: skip
        await self._postgres.execute_many(
            "UPDATE preferences SET sealed = $2 WHERE owner = $1 AND sealed = $3", again
        )
        return len(again)

    def _sealed_choices(self, chosen: Preferences) -> bytes:
        return self._vault.seal(chosen.model_dump_json().encode(), CHOICES)

    def seal(self, text: str) -> bytes:
        """Encrypt a body for the journal."""
        return self._vault.seal_text(text, BODY)

    def _fingerprint(self, person: ChatId) -> bytes:
        return self._vault.fingerprint(str(person), PERSON)
