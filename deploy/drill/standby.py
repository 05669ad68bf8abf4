"""A second Postgres that follows a first one by streaming replication, and can take its place."""

import os
import subprocess
from pathlib import Path

from deploy.backup.store import connection
from deploy.local.postgres_server import PostgresServer, bundled_postgres
from deploy.local.private_files import write_private
from deploy.local.server import ServerNotStarted

COPY_TIMEOUT_S = 300.0
PROMOTE_TIMEOUT_S = 60
NAME = "standby"


class StandbyServer(PostgresServer):
    """A standby over `directory`, copied from a primary that runs."""

    def __init__(self, directory: Path, primary: PostgresServer) -> None:
        where = connection(primary.url())
        self._passfile = directory / "passfile"
        told = f"host={where['PGHOST']} port={where['PGPORT']} user={where['PGUSER']}"
        super().__init__(
            directory,
            password=primary.password,
            safe=False,
            options=(
                f"primary_conninfo={told} passfile={self._passfile} application_name={NAME}",
                "hot_standby=on",
                "wal_receiver_status_interval=1s",
            ),
        )
        self._copy(where)

    def _copy(self, where: dict[str, str]) -> None:
        """Copy the primary. Raises ServerNotStarted."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        line = ":".join((where["PGHOST"], where["PGPORT"], "*", where["PGUSER"], self.password))
        write_private(self._passfile, f"{line}\n")
        data = self.directory / "data"
        done = subprocess.run(
            [
                *(bundled_postgres() / "pg_basebackup", "-D", data),
                *("-X", "stream", "-c", "fast", "--no-password", "--no-sync"),
            ],
            env={**os.environ, **where},
            capture_output=True,
            text=True,
            timeout=COPY_TIMEOUT_S,
            check=False,
        )
        if done.returncode:
            raise ServerNotStarted(f"the primary cannot be copied: {done.stderr.strip()[:300]}")
        (data / "standby.signal").touch()
        (data / "postmaster.pid").unlink(missing_ok=True)
        self.take_ownership(self._passfile)

    def promote(self) -> None:
        """Make it a primary; return once it takes writes. Raises ServerNotStarted."""
        self._run_sql(f"SELECT pg_promote(true, {PROMOTE_TIMEOUT_S})")
