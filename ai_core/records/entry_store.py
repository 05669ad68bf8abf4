"""The operator's own knowledge entries: versions, one of which may be published.

A body is what an entry file holds, as JSON; nothing here reads it. Every method raises RecordsOff
and PostgresLost; those that change take the transaction in which the change is recorded.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from ai_core.errors import UnknownEntry
from ai_core.records.database import Records
from shared.clock import Clock
from shared.stores.postgres import Row
from shared.stores.statements import Statements

SQL = Statements.beside(__file__)

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry in a list; `published` is the version that answers, None when none does."""

    topic_id: str
    published: int | None
    newest: int
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class WrittenVersion:
    """A version of an entry with its body; `answers`: it is the published one."""

    topic_id: str
    version: int
    body: Body
    saved_by: str
    saved_at: datetime
    answers: bool


@dataclass(frozen=True, slots=True)
class SavedVersion:
    """When a version was saved, and by whom."""

    version: int
    saved_by: str
    saved_at: datetime


@dataclass(frozen=True, slots=True)
class EntryVersion(SavedVersion):
    """A version with its body."""

    body: Body


class EntryStore:
    """Lists, reads, saves, publishes and withdraws."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records = records
        self._clock = clock

    async def entries(self) -> list[StoredEntry]:
        """Return every entry, by topic id."""
        async with self._records.transaction() as db:
            found = await SQL.fetch(db, "entries")
        return [
            StoredEntry(row["topic_id"], row["published"], row["newest"], row["changed_at"])
            for row in found
        ]

    async def versions(self, topic_id: str) -> list[SavedVersion]:
        """Return the versions of an entry, the newest first."""
        async with self._records.transaction() as db:
            found = await SQL.fetch(db, "versions", topic_id=topic_id)
        return [SavedVersion(row["version"], row["saved_by"], row["saved_at"]) for row in found]

    async def read(self, topic_id: str, version: int | None = None) -> EntryVersion:
        """Return a version, the newest by default. Raises UnknownEntry."""
        async with self._records.transaction() as db:
            row = await SQL.fetch_row(db, "read", topic_id=topic_id, version=version)
        if row is None:
            raise UnknownEntry(topic_id=topic_id)
        body = json.loads(row["body"])
        return EntryVersion(row["version"], row["saved_by"], row["saved_at"], body)

    async def latest(self) -> list[WrittenVersion]:
        """Return the newest version of every entry, by topic id."""
        async with self._records.transaction() as db:
            return [_written(row) for row in await SQL.fetch(db, "latest")]

    async def history(self, topic_id: str) -> list[WrittenVersion]:
        """Return every version of an entry with its body, the newest first."""
        async with self._records.transaction() as db:
            return [_written(row) for row in await SQL.fetch(db, "history", topic_id=topic_id)]

    async def save(self, db: asyncpg.Connection, topic_id: str, body: Body, saved_by: str) -> int:
        """Save a draft as the next version; return its number."""
        now = self._clock.now()
        await SQL.execute(db, "touch", topic_id=topic_id, now=now)
        version: int = await SQL.fetch_value(
            db,
            "add_version",
            topic_id=topic_id,
            body=json.dumps(body, ensure_ascii=False),
            saved_by=saved_by,
            now=now,
        )
        return version

    async def publish(self, db: asyncpg.Connection, topic_id: str, version: int) -> None:
        """Let a version answer. Raises UnknownEntry."""
        done = await SQL.fetch_value(
            db, "publish", topic_id=topic_id, version=version, now=self._clock.now()
        )
        if done is None:
            raise UnknownEntry(topic_id=topic_id)

    async def withdraw(self, db: asyncpg.Connection, topic_id: str) -> None:
        """Let none answer; its versions stay. Raises UnknownEntry."""
        done = await SQL.fetch_value(db, "withdraw", topic_id=topic_id, now=self._clock.now())
        if done is None:
            raise UnknownEntry(topic_id=topic_id)

    async def stamp(self) -> str:
        """Return what tells that something else is published; empty while nothing is."""
        async with self._records.transaction() as db:
            found: str = await SQL.fetch_value(db, "stamp")
        return found

    async def published(self) -> tuple[str, dict[str, Body]]:
        """Return the stamp, and the bodies of what is published by topic id."""
        async with self._records.transaction() as db:
            stamp: str = await SQL.fetch_value(db, "stamp")
            found = await SQL.fetch(db, "published")
        return stamp, {row["topic_id"]: json.loads(row["body"]) for row in found}


def _written(row: Row) -> WrittenVersion:
    facts = {name: row[name] for name in ("topic_id", "version", "saved_by", "saved_at")}
    return WrittenVersion(body=json.loads(row["body"]), answers=bool(row["answers"]), **facts)
