"""What every private server has in common: written settings, a start that waits, a stop, a crash.

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


class ServerNotStarted(Exception):
    """The server is not installed, or it did not start."""


class Server(Program):
    """One server over `directory`, which it owns; its log is `directory/NAME.log`."""

    start_timeout_s = 10.0
    directory_mode = 0o700

    def __init__(self, name: str, directory: Path) -> None:
        super().__init__(name, (), directory / f"{name}.log", {})
        self.directory = directory

    @abstractmethod
    def prepare(self) -> Sequence[str | Path]:
        """Write the configuration; return the command. Raises ServerNotStarted."""

    @abstractmethod
    def answers(self) -> bool:
        """Tell whether the server answers requests now."""

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
        """Kill it with all of its processes, as a crash would.

        One by one: a process group would miss Postgres's, each of which has a session of its own.
        """
        if self.status is None and self._process:
            self.signal(signal.SIGSTOP)  # so that it starts no more of them meanwhile
            for pid in (self._process.pid, *children_of(self._process.pid)):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()

    def freeze(self) -> None:
        """Keep it from running, its connections left open."""
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it run again."""
        self.signal(signal.SIGCONT)


def children_of(pid: int) -> list[int]:
    """Return the processes whose parent is `pid` (proc(5), /proc/PID/stat)."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                words = (entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            except OSError:
                continue
            if int(words[1]) == pid:
                found.append(int(entry.name))
    return found


def accepts_connections(port: int) -> bool:
    """Tell whether something listens on a loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
