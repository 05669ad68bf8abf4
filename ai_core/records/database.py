"""ai_core's Postgres: opened while its server is down, migrated when it answers, then watched.

Nothing of an answer waits for it. While it is known not to answer, whatever needs it is refused at
once; a task looks for it again.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Literal

import asyncpg
import structlog

from ai_core.errors import RecordsOff
from ai_core.records.replica import Replica
from ai_core.records.retention import add_months, delete_expired
from ai_core.settings import PostgresSettings
from shared.clock import Clock
from shared.errors import AppError
from shared.privacy.encryption import Encryption
from shared.stores.postgres import Postgres, PostgresLost

log = structlog.get_logger()

MIGRATIONS = Path(__file__).parent / "migrations"
CONNECTIONS = 6
STATEMENT_TIMEOUT_S = 3.0
LOOK_S = 2.0
MAINTAIN_EVERY_S = 3600.0
RETRY_AFTER_S = 5.0

State = Literal["off", "up", "down"]


class Records:
    """The connections, whether they answer, and what seals the words of people."""

    def __init__(
        self, settings: PostgresSettings, encryption: Encryption | None, clock: Clock
    ) -> None:
        self.settings = settings
        self._encryption = encryption
        self._clock = clock
        self._postgres = (
            Postgres(str(settings.url), size=CONNECTIONS, timeout_s=STATEMENT_TIMEOUT_S)
            if settings.url
            else None
        )
        self._replica = (
            Replica(
                *(str(settings.replica_url), self._postgres, clock),
                timeout_s=STATEMENT_TIMEOUT_S,
            )
            if settings.replica_url and self._postgres
            else None
        )
        self._up = asyncio.Event()
        self._migrated = False
        self._maintained_s: float | None = None
        self._watching: asyncio.Task[None] | None = None

    @classmethod
    async def opened(cls, settings: PostgresSettings, clock: Clock) -> "Records":
        """Return the records, with a task that migrates them and looks whether they answer.

        Raises WrongSettings for a bad key file.
        """
        if not settings.url:
            return cls(settings, None, clock)
        encryption = await asyncio.to_thread(Encryption.read, settings.key_file)
        records = cls(settings, encryption, clock)
        await records._open()
        return records

    async def _open(self) -> None:
        if self._postgres:
            await self._postgres.open()
            if self._replica:
                await self._replica.open()
            self._watching = asyncio.create_task(self._watch(), name="watch the records")

    async def close(self) -> None:
        """Stop looking, close the connections."""
        if self._watching:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        if self._replica:
            await self._replica.close()
        if self._postgres:
            await self._postgres.close()

    @property
    def read_as_of(self) -> datetime | None:
        """Return until when `reading` is complete; None: it reads the primary, as of now."""
        replica = self._replica
        if replica is None or replica.age_s is None:
            return None
        fresh = replica.age_s <= self.settings.replica_age_s
        return replica.as_of if fresh or not self._up.is_set() else None

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[asyncpg.Connection]:
        """Yield a connection for statistics: the replica's where there is one that is fresh enough,
        or the primary does not answer.

        Raises what `transaction` raises.
        """
        replica = self._replica
        if replica is None or self.read_as_of is None:
            async with self.transaction() as connection:
                yield connection
            return
        async with AsyncExitStack() as stack:
            try:
                connection = await stack.enter_async_context(replica.postgres.transaction())
            except PostgresLost:
                replica.lost()
                connection = await stack.enter_async_context(self.transaction())
            yield connection

    @property
    def state(self) -> State:
        """Return off without a URL, else whether Postgres answered last."""
        if self._postgres is None:
            return "off"
        return "up" if self._up.is_set() else "down"

    @property
    def encryption(self) -> Encryption:
        """Return what seals and opens. Raises RecordsOff."""
        if self._encryption is None:
            raise RecordsOff
        return self._encryption

    async def wait_until_up(self) -> None:
        """Wait until Postgres answers and is migrated; without one, for ever."""
        await self._up.wait()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[asyncpg.Connection]:
        """Yield a connection inside a transaction.

        Raises RecordsOff without a Postgres, PostgresLost while it does not answer.
        """
        if self._postgres is None:
            raise RecordsOff
        if not self._up.is_set():
            raise PostgresLost("not answering", retry_after_s=RETRY_AFTER_S)
        try:
            async with self._postgres.transaction() as connection:
                yield connection
        except PostgresLost as error:
            self._up.clear()
            raise PostgresLost(str(error), retry_after_s=RETRY_AFTER_S) from error

    async def _watch(self) -> None:
        said: str | None = None
        while True:
            problem = await self._look()
            if problem and problem != said:
                log.warning("postgres does not answer", problem=problem)
            elif problem != said:
                log.info("postgres answers")
            said = problem
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> str:
        """Migrate, maintain, or ask for a sign of life; return what is wrong."""
        try:
            await self._bring_up()
        except (AppError, asyncpg.PostgresError) as error:
            self._up.clear()
            return f"{type(error).__name__}: {error}"
        self._up.set()
        return ""

    async def _bring_up(self) -> None:
        postgres = self._postgres
        if postgres is None:
            raise RecordsOff
        if not self._migrated:
            await postgres.migrate(MIGRATIONS)
            self._migrated = True
        now_s = self._clock.elapsed_s()
        due = self._maintained_s is None or now_s - self._maintained_s >= MAINTAIN_EVERY_S
        if not due:
            await postgres.fetch("SELECT 1")
            return
        async with postgres.transaction() as db:
            await add_months(db, self._clock.now().date())
            await delete_expired(db, self._clock.now(), self.settings)
        self._maintained_s = now_s


@asynccontextmanager
async def open_records(settings: PostgresSettings, clock: Clock) -> AsyncIterator[Records]:
    """Open the records for as long as the service lives."""
    records = await Records.opened(settings, clock)
    try:
        yield records
    finally:
        await records.close()
