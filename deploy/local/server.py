"""Base class of the private servers: configuration, start until ready, stop, kill.

Standard library only, because `./neo` uses it before anything is installed.
"""

import os
import signal
import socket
import time
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from deploy.local.program import Program

POLL_S = 0.02
KILL_TIMEOUT_S = 10.0


class ServerNotStarted(Exception):
    """The server is not installed, or it did not start."""


class Server(Program):
    """One server over `directory`, which it owns; its log is `directory/NAME.log`."""

    start_timeout_s = 10.0
    directory_mode = 0o700

    def __init__(self, name: str, directory: Path) -> None:
        super().__init__(name, (), directory / f"{name}.log", {})
        self.directory = directory

    @property
    def pid(self) -> int:
        """Return the process id. Raises ServerNotStarted before the start."""
        if self._process is None:
            raise ServerNotStarted(f"{self.name} was not started")
        return self._process.pid

    @abstractmethod
    def prepare(self) -> Sequence[str | Path]:
        """Write the configuration; return the command. Raises ServerNotStarted."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether the server answers requests now."""

    def start(self) -> None:
        """Start, and return once it answers.

        Raises ServerNotStarted, with the end of its log, when it ends or does not answer in time.
        """
        self.directory.mkdir(parents=True, exist_ok=True, mode=self.directory_mode)
        self._command = self.prepare()
        super().start()
        give_up_s = time.monotonic() + self.start_timeout_s
        while time.monotonic() < give_up_s and self.status is None:
            if self.answers():
                return
            time.sleep(POLL_S)
        self.kill()
        raise ServerNotStarted(f"{self.name} did not start:\n{self.log_tail()}")

    def kill(self) -> None:
        """Kill it with all of its processes, as a crash would, and return once they are gone.

        One by one: a process group would miss Postgres's backends, each of which has its own
        session. While one is left, Postgres does not start again (its shared memory is in use).
        """
        if self._process and self.status is None:
            self.signal(signal.SIGSTOP)  # so that it starts no more of them meanwhile
            children = children_of(self.pid)
            for pid in (self.pid, *children):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()
            give_up_s = time.monotonic() + KILL_TIMEOUT_S
            while any(map(is_running, children)) and time.monotonic() < give_up_s:
                time.sleep(POLL_S)

    def freeze(self) -> None:
        """Suspend it (SIGSTOP), its connections left open."""
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Resume it (SIGCONT)."""
        self.signal(signal.SIGCONT)


def children_of(pid: int) -> list[int]:
    """Return the processes whose parent is `pid`."""
    found = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    return [each for each in found if _stat(each)[1:2] == [str(pid)]]


def is_running(pid: int) -> bool:
    """Return whether a process is there and no zombie that waits for its parent."""
    return _stat(pid)[:1] not in ([], ["Z"], ["X"])


def _stat(pid: int) -> list[str]:
    """Return a process's state, its parent and more (proc(5), /proc/PID/stat); [] for none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return []


def accepts_connections(port: int) -> bool:
    """Whether something listens on a loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
