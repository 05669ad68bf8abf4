"""A read replica of ai_core's Postgres, for statistics: how old what it shows is.

The age is measured without rights of a superuser: the primary's position in its log is noted with
the time, and the replica holds everything until the latest time whose position it has replayed.
While the primary does not answer nothing newer is noted, and the age grows.
"""

import asyncio
from collections import deque
from contextlib import suppress
from datetime import datetime

import asyncpg

from shared.clock import Clock
from shared.errors import AppError
from shared.stores.postgres import Postgres, PostgresLost
from shared.stores.statements import Statements

SQL = Statements.beside(__file__)
CONNECTIONS = 3
LOOK_S = 2.0
REMEMBERED = 900
"""Positions noted: half an hour's."""


class Replica:
    """The connections, and the time until which the replica is complete (`as_of`)."""

    def __init__(self, url: str, primary: Postgres, clock: Clock, *, timeout_s: float) -> None:
        self.postgres = Postgres(url, size=CONNECTIONS, timeout_s=timeout_s)
        self._primary = primary
        self._clock = clock
        self._noted: deque[tuple[datetime, int]] = deque(maxlen=REMEMBERED)
        self._watching: asyncio.Task[None] | None = None
        self.as_of: datetime | None = None
        """None while it does not answer, was never caught up, or is no replica (any more)."""

    @property
    def age_s(self) -> float | None:
        """Return how old what it shows may be, in seconds; None: it must not be read."""
        return None if self.as_of is None else (self._clock.now() - self.as_of).total_seconds()

    async def open(self) -> None:
        """Begin to watch it."""
        await self.postgres.open()
        self._watching = asyncio.create_task(self._watch(), name="watch the read replica")

    async def close(self) -> None:
        """Stop watching, close the connections."""
        if self._watching:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        await self.postgres.close()

    def lost(self) -> None:
        """Read it no more until it was looked at again."""
        self.as_of = None

    async def look(self) -> None:
        """Note the primary's position, then compare the replica's with those noted."""
        now = self._clock.now()
        with suppress(AppError, asyncpg.PostgresError):  # the primary's own watch tells of it
            async with self._primary.connection() as db:
                self._noted.append((now, await SQL.fetch_value(db, "position")))
        try:
            async with self.postgres.connection() as db:
                replayed = await SQL.fetch_value(db, "replayed")
        except (PostgresLost, asyncpg.PostgresError):
            self.as_of = None
            return
        complete = [at for at, position in self._noted if replayed and position <= replayed]
        self.as_of = complete[-1] if complete else None

    async def _watch(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)
