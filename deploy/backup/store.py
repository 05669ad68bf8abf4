"""Client of Postgres for backups: its WAL, base backups and counts of rows.

Everything goes through Postgres's own programs; the password is passed in the environment, never on
a command line.
"""

import gzip
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from deploy.backup.errors import BackupFailed
from deploy.local.postgres_server import bundled_postgres
from deploy.local.server import ServerNotStarted

SLOT = "neo_backup"
GZIP_LEVEL = 1  # 0.08 s a full segment, 1.31 s at the default; restic compresses again
QUERY_TIMEOUT_S = 120.0
COPY_TIMEOUT_S = 3 * 3600.0
ROWS = """
SELECT format('SELECT %L, count(*) FROM %I.%I', schemaname || '.' || tablename,
              schemaname, tablename)
FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
ORDER BY 1 \\gexec
"""
SWITCH_SEGMENT = """
SELECT pg_create_restore_point('neo backup') \\g /dev/null
SELECT pg_switch_wal();
"""
"""A restore point first: switching a segment that holds nothing new would do nothing."""
FIND_SLOT = "SELECT slot_name FROM pg_replication_slots WHERE slot_name = 'neo_backup';"
CREATE_SLOT = """
SELECT pg_create_physical_replication_slot('neo_backup', true) \\g /dev/null
"""
COUNT_USABLE_SLOTS = """
SELECT count(*) FROM pg_replication_slots
WHERE slot_name = 'neo_backup' AND wal_status <> 'lost';
"""
DROP_SLOT = """
SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
WHERE slot_name = 'neo_backup' AND NOT active;
"""

LIMITS = {
    "max_connections": "max_connections",
    "max_worker_processes": "max_worker_processes",
    "max_wal_senders": "max_wal_senders",
    "max_prepared_xacts": "max_prepared_transactions",
    "max_locks_per_xact": "max_locks_per_transaction",
}
"""pg_controldata's words for the settings that a server must have no less of to read a log than the
one that wrote it (PostgreSQL 16, 27.4.3)."""


DEBIAN = Path("/usr/lib/postgresql")


def find_binaries() -> Path:
    """Return the folder of Postgres's programs, which must be of the server's major version.

    As output, or 16, or that of `./neo run`, or the newest of Debian's. Raises BackupFailed.
    """
    for folder in (os.environ.get("BACKUP_POSTGRES_BINARIES"), f"{DEBIAN}/16/bin"):
        if folder and Path(folder, "pg_basebackup").exists():
            return Path(folder)
    try:
        return bundled_postgres()
    except ServerNotStarted as error:
        found = sorted(DEBIAN.glob("[1-9][0-9]/bin/pg_basebackup"))
        if not found:
            raise BackupFailed("Postgres's programs are needed: postgresql") from error
        return found[-1].parent


def connection(url: str) -> dict[str, str]:
    """Return the variables by which Postgres's programs connect to `url`."""
    parts = urlsplit(url)
    found = {
        "PGHOST": parts.hostname or "127.0.0.1",
        "PGPORT": str(parts.port or 5432),
        "PGUSER": unquote(parts.username or "postgres"),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": parts.path.lstrip("/") or "postgres",
        "PGCONNECT_TIMEOUT": "10",
    }
    return {name: text for name, text in found.items() if text}


class PostgresClient:
    """A running Postgres, reached through the environment `variables` (see `connection`)."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._binaries = find_binaries()

    def rows(self) -> dict[str, int]:
        """Return how many rows each table has."""
        output = self.query(ROWS)
        return {name: int(count) for name, count in (line.split("|") for line in output)}

    def in_recovery(self) -> bool:
        """Whether it still replays its WAL."""
        return self.query("SELECT pg_is_in_recovery();") == ["t"]

    def slot_is_usable(self) -> bool:
        """Whether the WAL since the last backup is still complete."""
        return self.query(COUNT_USABLE_SLOTS) == ["1"]

    def drop_slot(self) -> None:
        """Drop the replication slot, so that Postgres retains no more WAL for us."""
        self.query(DROP_SLOT)

    def receive_wal(self, folder: Path) -> None:
        """Add all WAL until now to `folder`: whole segments, compressed."""
        incoming = folder.with_name("incoming")
        shutil.rmtree(incoming, ignore_errors=True)
        incoming.mkdir()
        slot = ("--slot", SLOT)
        if not self.query(FIND_SLOT):
            self.query(CREATE_SLOT)
        until = self.query(SWITCH_SEGMENT)[-1]
        words = ("-D", str(incoming), *slot, "--endpos", until, "--no-loop", "--synchronous")
        self._run("pg_receivewal", *words)
        for segment in incoming.iterdir():
            # A `.partial` file holds all until the switch; the next backup receives the whole
            # segment.
            target = folder / f"{segment.name.removesuffix('.partial')}.gz"
            with segment.open("rb") as plain, gzip.open(target, "wb", GZIP_LEVEL) as packed:
                shutil.copyfileobj(plain, packed)
        shutil.rmtree(incoming)

    def copy(self, folder: Path) -> None:
        """Make a base backup in `folder`, with a manifest of hashes."""
        self._run("pg_basebackup", "-D", str(folder), "-X", "stream", "-c", "fast", "--no-password")

    def query(self, statements: str) -> list[str]:
        """Return the words of psql's output."""
        words = ("-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-")
        return self._run("psql", *words, given=statements, timeout_s=QUERY_TIMEOUT_S).split()

    def _run(
        self, program: str, *words: str, given: str = "", timeout_s: float = COPY_TIMEOUT_S
    ) -> str:
        try:
            done = subprocess.run(
                [self._binaries / program, *words],
                env={**os.environ, **self._variables},
                input=given,
                capture_output=True,
                text=True,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise BackupFailed(f"{program} took longer than {timeout_s:.0f} s") from error
        if done.returncode:
            raise BackupFailed(f"{program}: {(done.stderr.strip() or 'failed').splitlines()[-1]}")
        return done.stdout


def verify_base_backup(folder: Path) -> None:
    """Compare a copy with its manifest (pg_verifybackup). Raises BackupFailed."""
    done = subprocess.run(
        [find_binaries() / "pg_verifybackup", "--quiet", "--no-parse-wal", str(folder)],
        capture_output=True,
        text=True,
        timeout=COPY_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise BackupFailed(f"the copy of Postgres is damaged: {done.stderr.strip()[:300]}")


def recovery_settings(copy: Path) -> list[str]:
    """Return the settings, NAME=VALUE, that recovery of a base backup requires.

    Raises BackupFailed.
    """
    done = subprocess.run(
        [find_binaries() / "pg_controldata", str(copy)],
        env={**os.environ, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        timeout=QUERY_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise BackupFailed(f"the copy of Postgres is damaged: {done.stderr.strip()[:300]}")
    output = (line.partition(" setting:") for line in done.stdout.splitlines())
    return [f"{LIMITS[word]}={value.strip()}" for word, _, value in output if word in LIMITS]


def first_segment(copy: Path) -> str:
    """Return the name of the oldest WAL segment that a base backup needs."""
    label = (copy / "backup_label").read_text(encoding="utf-8").splitlines()[0]
    return label.rpartition("(file ")[2].rstrip(")")
