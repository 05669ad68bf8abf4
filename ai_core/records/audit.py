"""The audit log of the desk: rows that are added and never changed (a trigger refuses it)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from ai_core.records.database import Records
from shared.stores.statements import Statements

SQL = Statements.beside(__file__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """What was done: by whom, to what. `action` is `subject.verb`, such as `keys.revoke`."""

    at: datetime
    account_name: str
    action: str
    object: str = ""
    account_id: int | None = None
    detail: Mapping[str, Any]
    id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which rows to show; None is no condition. `before` is the id of a row."""

    account: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None


async def add(db: asyncpg.Connection, row: AuditRow) -> None:
    """Add a row, in the transaction of what it is about."""
    await SQL.execute(
        db,
        "add",
        at=row.at,
        account_id=row.account_id,
        account_name=row.account_name,
        action=row.action,
        object=row.object,
        detail=orjson.dumps(dict(row.detail)).decode(),
    )


async def page(records: Records, wanted: AuditFilter, most: int) -> list[AuditRow]:
    """Return the latest rows that a filter lets through."""
    async with records.transaction() as db:
        rows = await SQL.fetch(
            db,
            "page",
            account=wanted.account,
            subject=wanted.subject,
            since=wanted.since,
            until=wanted.until,
            before=wanted.before,
            most=most,
        )
    return [
        AuditRow(
            id=row["id"],
            at=row["at"],
            account_id=row["account_id"],
            account_name=row["account_name"],
            action=row["action"],
            object=row["object"],
            detail=orjson.loads(row["detail"]),
        )
        for row in rows
    ]


async def names(records: Records) -> list[str]:
    """Return the names that rows carry."""
    async with records.transaction() as db:
        return [row["account_name"] for row in await SQL.fetch(db, "names")]
