"""Questions refused, answered without confidence or thumbed down, and what became of them.

The words of a question are there only where the operator keeps them, masked and sealed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import asyncpg
import structlog

from ai_core.records.database import Records
from ai_core.records.events import QUESTION
from ai_core.records.feedback import COMMENT
from shared.privacy.encryption import DecryptionFailed, Encryption
from shared.stores.postgres import Row
from shared.stores.statements import Statements

log = structlog.get_logger()

SQL = Statements.beside(__file__)

Fault = Literal["refused", "unsure", "disliked"]
Accuracy = Literal["right", "partly", "wrong"]


@dataclass(frozen=True, slots=True)
class QuestionToImprove:
    """An answer that may have been a bad one; `text` is None where it is not kept, or no more.

    `drafted` is the entry that was written for it.
    """

    at: datetime
    answer_id: str
    channel: str
    language: str
    topic: str | None
    entry: str | None
    confidence: str | None
    outcome: str
    reason: str | None
    down: int
    up: int
    text: str | None
    accuracy: str | None
    drafted: str | None
    closed: bool


@dataclass(frozen=True, slots=True)
class Remark:
    """Why somebody thumbed an answer down; the comment is masked."""

    reason: str | None
    comment: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionFilter:
    """Which questions to show; `before` continues a list."""

    since: datetime
    faults: frozenset[Fault]
    closed: bool = False
    before: datetime | None = None


async def to_improve(
    records: Records, wanted: QuestionFilter, most: int
) -> list[QuestionToImprove]:
    """Return the latest questions that a filter lets through. Raises RecordsOff, PostgresLost."""
    async with records.transaction() as db:
        rows = await SQL.fetch(
            db,
            "to_improve",
            since=wanted.since,
            before=wanted.before,
            refused="refused" in wanted.faults,
            unsure="unsure" in wanted.faults,
            disliked="disliked" in wanted.faults,
            all_of_them=wanted.closed,
            most=most,
        )
    return [_question(row, records.encryption) for row in rows]


async def one(records: Records, answer_id: str) -> tuple[QuestionToImprove | None, list[Remark]]:
    """Return a question and the remarks on its answer."""
    encryption = records.encryption
    async with records.transaction() as db:
        row = await SQL.fetch_row(db, "one", answer_id=answer_id)
        remarks = await SQL.fetch(db, "remarks", answer_id=answer_id)
    told = [
        Remark(remark["reason"], _opened(encryption, remark["comment"], COMMENT))
        for remark in remarks
    ]
    return (_question(row, encryption) if row else None), told


async def judge(db: asyncpg.Connection, answer_id: str, accuracy: Accuracy, now: datetime) -> None:
    """Keep how right an editor finds an answer."""
    await SQL.execute(db, "judge", answer_id=answer_id, accuracy=accuracy, now=now)


async def link(db: asyncpg.Connection, answer_id: str, entry: str, now: datetime) -> None:
    """Keep which entry was written for a question."""
    await SQL.execute(db, "link", answer_id=answer_id, entry=entry, now=now)


async def close(db: asyncpg.Connection, answer_id: str, now: datetime, *, closed: bool) -> None:
    """Take a question off the list, or put it there again."""
    await SQL.execute(db, "close", answer_id=answer_id, closed=closed, now=now)


async def accuracy(records: Records, since: datetime) -> Mapping[str, int]:
    """Return how many answers editors judged right, partly right and wrong."""
    async with records.transaction() as db:
        rows = await SQL.fetch(db, "accuracy", since=since)
    return {row["accuracy"]: row["judged"] for row in rows}


def _question(row: Row, encryption: Encryption) -> QuestionToImprove:
    facts = {name: row[name] for name in QuestionToImprove.__dataclass_fields__ if name != "text"}
    return QuestionToImprove(text=_opened(encryption, row["sealed"], QUESTION), **facts)


def _opened(encryption: Encryption, sealed: bytes | None, purpose: str) -> str | None:
    """Return sealed words; None where there are none, or their key is gone."""
    if sealed is None:
        return None
    try:
        return encryption.open_text(sealed, purpose)
    except DecryptionFailed:
        log.warning("sealed with a key that is gone", purpose=purpose)
        return None
