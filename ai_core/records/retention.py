"""Monthly partitions, made ahead, and what is deleted when its time is over.

A whole month is dropped with its partition; inside the oldest one rows are deleted day by day.
"""

from datetime import date, datetime, timedelta

import asyncpg

from ai_core.settings import PostgresSettings
from shared.stores.statements import Statements

SQL = Statements.beside(__file__)
MONTHS_AHEAD = 2
LATE_DAYS = 2
BY_MONTH = ("events", "turns")


async def add_months(db: asyncpg.Connection, day: date) -> None:
    """Add the partitions of the month a day is in and of the next ones.

    On its first days that of the month before too: what began before midnight is kept after it.
    """
    before = -1 if day.day <= LATE_DAYS else 0
    for ahead in range(before, MONTHS_AHEAD + 1):
        years, month = divmod(day.month - 1 + ahead, 12)
        for parent in BY_MONTH:
            await SQL.execute(
                db, "add_month", parent=parent, day=date(day.year + years, month + 1, 1)
            )


async def delete_expired(db: asyncpg.Connection, now: datetime, settings: PostgresSettings) -> None:
    """Delete what is older than the settings allow; the audit log and entries stay."""
    events = now - timedelta(days=settings.events_days)
    texts = now - timedelta(days=settings.texts_days)
    await SQL.execute(db, "drop_months", parent="events", before=events.date())
    await SQL.execute(db, "delete_events", before=events)
    await SQL.execute(db, "delete_feedback", before=events)
    await SQL.execute(db, "delete_reviews", before=events)
    await SQL.execute(db, "drop_months", parent="turns", before=texts.date())
    await SQL.execute(db, "erase_comments", before=texts)
    await SQL.execute(db, "delete_questions", before=texts)
    await SQL.execute(db, "delete_turns", before=texts)
    await SQL.execute(db, "delete_conversations", before=texts)
