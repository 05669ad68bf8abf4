"""Postgres: a pool that may be opened while the server is down, numbered forward migrations, and
every connection failure as Unavailable.

Statements live in `store.py` modules and in .sql files. Why plain SQL files and not alembic:
docs/decisions/0020-migrations-are-sql-files.md.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import asyncpg
import structlog

from shared.errors import AppError, Unavailable

log = structlog.get_logger()

Value: TypeAlias = str | bytes | int | float | bool | object | None
Row: TypeAlias = asyncpg.Record

SQL = Path(__file__).parent / "sql"
CONNECT_TIMEOUT_S = 3.0
STATEMENT_TIMEOUT_S = 10.0
MIGRATION_TIMEOUT_S = 300.0
MIGRATION_NAME = re.compile(r"([0-9]{4})_[a-z0-9_]+\.sql")
BREAKING = re.compile(r"[0-9]{4}_break_")
MIGRATION_LOCK = 7_305_201
"""Number of the advisory lock: any constant, the same for every process of a service."""

LOST = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server was killed while the connection was being made
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.QueryCanceledError,
    asyncpg.UndefinedTableError,  # another process is still migrating
)


class PostgresLost(Unavailable):
    """Postgres does not answer."""

    code = "postgres_lost"


class WrongMigrations(AppError):
    """The migration files are not 0001, 0002, … or a later version broke with this one."""

    code = "wrong_migrations"


class Postgres:
    """A pool of connections. Opening it connects to nothing: the first statement does.

    Without `sslmode` in the URL there is no TLS: Postgres is on the same private network, and
    asyncpg's own default reads the home folder for certificates at each connection.
    Every method raises PostgresLost when Postgres does not answer within its time.
    """

    def __init__(self, url: str, *, size: int = 8, timeout_s: float = STATEMENT_TIMEOUT_S) -> None:
        self._url = url
        self._size = size
        self._timeout_s = timeout_s
        self._pool: asyncpg.Pool | None = None

    async def open(self) -> None:
        """Prepare the pool."""
        self._pool = await asyncpg.create_pool(
            self._url,
            ssl=None if "sslmode=" in self._url else False,
            min_size=0,
            max_size=self._size,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=self._timeout_s,
            max_inactive_connection_lifetime=60.0,
        )

    async def close(self) -> None:
        """Close every connection; those still busy after a while are dropped."""
        if self._pool is None:
            return
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self._pool.close()
        except LOST:
            self._pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """Yield a connection for one statement, which is atomic without BEGIN and COMMIT."""
        if self._pool is None:
            raise PostgresLost("not open")
        try:
            async with self._pool.acquire(timeout=CONNECT_TIMEOUT_S) as connection:
                yield connection
        except LOST as error:
            raise PostgresLost(type(error).__name__) from error

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[asyncpg.Connection]:
        """Yield a connection inside a transaction, which is atomic."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def fetch(self, statement: str, *values: Value) -> Sequence[Row]:
        """Run a statement and return its rows."""
        async with self.connection() as connection:
            return list(await connection.fetch(statement, *values))

    async def fetch_one(self, statement: str, *values: Value) -> Row | None:
        """Run a statement and return its first row, or None."""
        async with self.connection() as connection:
            return await connection.fetchrow(statement, *values)

    async def execute(self, statement: str, *values: Value) -> int:
        """Run a statement and return how many rows it touched."""
        async with self.connection() as connection:
            status = await connection.execute(statement, *values)
        count = status.rpartition(" ")[2]
        return int(count) if count.isdecimal() else 0

    async def execute_many(self, statement: str, rows: Sequence[Sequence[Value]]) -> None:
        """Run a statement once per row, in one transaction."""
        async with self.transaction() as connection:
            await connection.executemany(statement, rows)

    async def migrate(self, folder: Path) -> list[str]:
        """Apply the missing migrations; return their names.

        Processes that start together wait for one another. Each migration is one transaction.
        """
        files = await asyncio.to_thread(read_migrations, folder)
        ledger, applied_sql, record = await asyncio.to_thread(read_ledger)
        done = []
        async with self.transaction() as connection:
            await connection.execute(
                "SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK, timeout=MIGRATION_TIMEOUT_S
            )
            await connection.execute(ledger)
            applied = {row["number"]: row["name"] for row in await connection.fetch(applied_sql)}
            accept_later([applied[number] for number in applied if number > len(files)])
            for number, (name, statements) in enumerate(files, start=1):
                if number not in applied:
                    await connection.execute(statements, timeout=MIGRATION_TIMEOUT_S)
                    await connection.execute(record, number, name)
                    done.append(name)
        return done


def accept_later(names: Sequence[str]) -> None:
    """Accept a database that a later version migrated, so that an upgrade can be rolled back.

    A migration only adds, unless its name starts with `break_`: raises WrongMigrations for those.
    """
    breaking = [name for name in names if BREAKING.match(name)]
    if breaking:
        raise WrongMigrations(f"a later version changed the database for good: {breaking[0]}")
    if names:
        log.warning("database schema is newer than this version", later=list(names))


def read_migrations(folder: Path) -> list[tuple[str, str]]:
    """Return (name, statements) of the files 0001_….sql, 0002_….sql … in order.

    Raises WrongMigrations when one is missing, duplicated or misnamed.
    """
    files = sorted(folder.glob("*.sql"))
    for number, file in enumerate(files, start=1):
        match = MIGRATION_NAME.fullmatch(file.name)
        if not match or int(match[1]) != number:
            raise WrongMigrations(f"{file.name} should be number {number:04}")
    return [(file.stem, file.read_text(encoding="utf-8")) for file in files]


def read_ledger() -> tuple[str, str, str]:
    """Return the statements that keep the list of applied migrations."""
    names = ("ledger.sql", "applied.sql", "record.sql")
    ledger, applied, record = ((SQL / name).read_text(encoding="utf-8") for name in names)
    return ledger, applied, record
