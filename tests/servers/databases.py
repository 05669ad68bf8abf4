"""Empty databases of one Postgres, emptied after a test and given to another under a new name.

A new one costs its server 50 ms of processor to make and to drop, an emptied one 12: there are five
hundred tests that ask for one.
"""

import asyncio
import os
from collections.abc import Coroutine
from typing import TypeVar

import asyncpg

from deploy.local.postgres_server import PostgresServer

Result = TypeVar("Result")

TIMEOUT_S = 30.0
END_CLIENTS = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = $1"
EMPTY = r"""
DO $$
DECLARE schema text;
BEGIN
    FOR schema IN SELECT nspname FROM pg_namespace
        WHERE nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema'
    LOOP
        EXECUTE format('DROP SCHEMA %I CASCADE', schema);
    END LOOP;
END $$;
CREATE SCHEMA public AUTHORIZATION pg_database_owner;
GRANT USAGE ON SCHEMA public TO PUBLIC;
"""


class Databases:
    """The databases of `server`; used outside any event loop, as its own has one connection."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._loop = asyncio.new_event_loop()
        self._administrator = self._run(self._connect("postgres"))
        self._spare: list[str] = []

    def close(self) -> None:
        """Hang up; the databases stay."""
        self._run(self._administrator.close())
        self._loop.close()

    def take(self) -> str:
        """Return the name of an empty database that nobody had before."""
        name = f"test_{os.urandom(6).hex()}"
        if self._spare:
            statement = f'ALTER DATABASE "{self._spare.pop()}" RENAME TO "{name}"'
        else:
            statement = f'CREATE DATABASE "{name}"'
        self._run(self._administrator.execute(statement))
        return name

    def give_back(self, name: str) -> None:
        """Terminate a database's connections and delete everything in it."""
        self._run(self._administrator.fetch(END_CLIENTS, name))
        self._run(self._empty(name))
        self._spare.append(name)

    async def _connect(self, database: str) -> asyncpg.Connection:
        url = self._server.url(database)
        return await asyncpg.connect(url, ssl=False, timeout=TIMEOUT_S, command_timeout=TIMEOUT_S)

    async def _empty(self, name: str) -> None:
        connection = await self._connect(name)
        try:
            await connection.execute(EMPTY)
        finally:
            await connection.close()

    def _run(self, work: Coroutine[object, object, Result]) -> Result:
        return self._loop.run_until_complete(work)
