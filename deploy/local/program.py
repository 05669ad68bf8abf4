"""A child process that logs to a file, stops on request and never outlives its parent."""

import ctypes
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask the kernel to end this process when its parent ends (prctl(2), Linux only)."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Program:
    """One command, run in `directory` with `environment` added to ours.

    It runs in a new session, so that Ctrl-C reaches only the supervisor, which stops the programs
    in order. `user` is the user it runs as, None for the current one.
    """

    stop_signal = signal.SIGTERM
    stop_grace_s = 30.0
    dies_with_parent = True
    user: str | None = None

    def __init__(
        self, name: str, command: Sequence[str | Path], log: Path, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        with self.log.open("ab") as lines:
            self._process = subprocess.Popen(
                self._command,
                env={**os.environ, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=lines,
                stderr=lines,
                start_new_session=True,
                user=self.user,
                preexec_fn=die_with_parent if self.dies_with_parent else None,
            )

    @property
    def status(self) -> int | None:
        """Return its exit status, or None while it runs (or before it was started)."""
        return self._process.poll() if self._process else None

    @property
    def running_pid(self) -> int | None:
        """Return its process id, or None when it does not run."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(number)

    def stop(self) -> None:
        """Ask it to stop, and kill it after a grace period."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(self.stop_signal)
        try:
            self._process.wait(self.stop_grace_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Kill it, if it runs."""
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def log_tail(self) -> str:
        """Return the end of its log."""
        return self.log.read_bytes()[-2_000:].decode(errors="replace") if self.log.exists() else ""
