"""Writes the audit log: every change at the desk, every sign-in and every refusal of one.

A change of the records is written in its transaction; any other change before it is made, and again
when it fails.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import asyncpg

from ai_core.errors import ConsoleRefusal
from ai_core.records import audit
from ai_core.records.accounts import Account
from ai_core.records.database import Records
from shared.clock import Clock
from shared.errors import AppError


class Actor(NamedTuple):
    """Who does something: an account, or the operator on the host (no id)."""

    account_id: int | None
    name: str


HOST = Actor(None, "host")
NOBODY = Actor(None, "")
"""Who is not known: what was typed as a name is not written down, it may be a password."""


def actor_of(account: Account | None) -> Actor:
    """Return an account as an actor; None is nobody known."""
    return Actor(account.id, account.name) if account else NOBODY


class AuditLog:
    """Adds rows. Every method raises RecordsOff, PostgresLost: then nothing is changed either."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records = records
        self._clock = clock

    async def write(self, actor: Actor, action: str, object: str = "", **detail: object) -> None:
        """Add one row by itself."""
        async with self._records.transaction() as db:
            await self.write_in(db, actor, action, object, **detail)

    async def write_in(
        self, db: asyncpg.Connection, actor: Actor, action: str, object: str = "", **detail: object
    ) -> None:
        """Add a row in the transaction of what it is about."""
        row = audit.AuditRow(
            at=self._clock.now(),
            account_id=actor.account_id,
            account_name=actor.name,
            action=action,
            object=object,
            detail=detail,
        )
        await audit.add(db, row)

    @asynccontextmanager
    async def recording(
        self, actor: Actor, action: str, object: str = "", **detail: object
    ) -> AsyncIterator[None]:
        """Add a row before a change outside the records, and one more when it is refused."""
        await self.write(actor, action, object, **detail)
        try:
            yield
        except AppError as error:
            code = error.reason if isinstance(error, ConsoleRefusal) else error.code
            await self.write(actor, f"{action}_failed", object, code=code)
            raise
