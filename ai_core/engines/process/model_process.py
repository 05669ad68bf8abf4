"""The operating system's process around a model, as its parent holds it: start, talk, log, end."""

import asyncio
import os
import re
import signal
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from ai_core.engines.formats import Format
from ai_core.engines.process.wire import Command, Frames, Quit, Report, frame, report

LINE_CHARS = 500
LAST_LINES = 50
ERROR_LINES = 2
OWN_PREFIX = "AI_CORE_"
EXIT_S = 2.0
"""How long a process whose socket is closed may take to end, and its last lines to arrive: what it
started itself may hold on to its output."""

_ERROR = re.compile(r"error:|exception:|assert|fatal|terminate", re.IGNORECASE)
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ProcessExit:
    """A process that ended unasked: its exit status (negative: the signal) and its last words."""

    status: int
    detail: str


class ModelProcess:
    """A child process, heard by callbacks on the event loop: `hear` gets each report.

    `exited` resolves once the process is gone and its memory is back: to a ProcessExit, or to None
    when it was asked to end.
    """

    def __init__(self, name: str, format: Format, hear: Callable[[Report], None]) -> None:
        self.exited: asyncio.Future[ProcessExit | None] = asyncio.get_running_loop().create_future()
        self._name = name
        self._format = format
        self._hear = hear
        self._frames = Frames()
        self._process: Process | None = None
        self._transport: asyncio.WriteTransport | None = None
        self._last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._reason = ""
        self._asked = False
        self._attending: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the process; it waits for an `Open`. Raises OSError when there can be no more."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        loop = asyncio.get_running_loop()
        self._transport, ear = await loop.create_unix_connection(lambda: _Ear(self), sock=ours)
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "ai_core.engines.process.child",
                    str(theirs.fileno()),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=PIPE,
                    stderr=STDOUT,
                    pass_fds=[theirs.fileno()],
                    env=self._environment(),
                )
        except BaseException:
            self._transport.close()
            raise
        self._process = process
        self._attending = asyncio.create_task(self._attend(process, ear.lost))

    @property
    def pid(self) -> int:
        """Its number; 0 before it is started."""
        return self._process.pid if self._process else 0

    @property
    def running(self) -> bool:
        """Tell whether commands still reach it."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, message: Command) -> None:
        """Send a command; what is sent to a process that is gone is lost."""
        if self._transport and self.running:
            self._transport.write(frame(message))

    def kill(self, reason: str) -> None:
        """End the process at once, because of `reason`."""
        self._reason = self._reason or reason
        if self._process and self._process.returncode is None:
            self._process.kill()

    async def end(self, grace_s: float) -> None:
        """Ask the process to end, and insist after `grace_s`; returns when its memory is back."""
        self._asked = True
        if self._attending is None:
            return
        self.send(Quit())
        try:
            async with asyncio.timeout(grace_s):
                await asyncio.shield(self._attending)
        except TimeoutError:
            self.kill("it did not end when asked")
            await asyncio.shield(self._attending)
        except BaseException:
            self.kill("its end was not waited for")
            raise

    def memory_bytes(self) -> int:
        """Return the process's share of the machine's memory (PSS, proc(5)); 0 once it is gone.

        Where the kernel keeps no PSS it is the resident memory.
        """
        about = Path("/proc", str(self.pid))
        try:
            if (rollup := about / "smaps_rollup").exists():
                found = re.search(r"^Pss:\s+(\d+) kB", rollup.read_text(), re.MULTILINE)
                return int(found[1]) * 1024 if found else 0
            resident_pages = int((about / "statm").read_text().split()[1])
        except (FileNotFoundError, ProcessLookupError):
            return 0
        return resident_pages * os.sysconf("SC_PAGE_SIZE")

    def _environment(self) -> dict[str, str]:
        """Ours without our settings: the child has no use for passwords."""
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(OWN_PREFIX)
        }
        path = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONUNBUFFERED": "1"}
        return {**self._format.environment, **inherited, **path}

    def _heard(self, data: bytes) -> None:
        for body in self._frames.feed(data):
            self._hear(report(body))

    async def _attend(self, process: Process, lost: asyncio.Future[None]) -> None:
        """Stay until the process is gone, then say so."""
        logging = asyncio.create_task(self._log_lines(process))
        await lost
        try:
            async with asyncio.timeout(EXIT_S):
                status = await process.wait()
        except TimeoutError:
            self.kill("it closed its socket and went on")
            status = await process.wait()
        await asyncio.wait([logging], timeout=EXIT_S)
        logging.cancel()
        detail = self._reason or self._last_words() or _ended(status)
        death = None if self._asked else ProcessExit(status, detail)
        if death:
            _log.error("model process died", model=self._name, status=status, detail=detail)
        self.exited.set_result(death)

    def _last_words(self) -> str:
        """Return the last lines that speak of an error, or else the last one."""
        lines = list(self._last_lines)
        return " / ".join(([*filter(_ERROR.search, lines)] or lines[-1:])[-ERROR_LINES:])

    async def _log_lines(self, process: Process) -> None:
        assert process.stdout is not None  # noqa: S101 - opened with PIPE
        held = ""
        while data := await process.stdout.read(8_192):
            *lines, held = re.split(r"[\r\n]+", held + data.decode(errors="replace"))
            for line in filter(None, lines):
                self._log_line(line)
            held = held[:LINE_CHARS]
        if held:
            self._log_line(held)

    def _log_line(self, line: str) -> None:
        line = line[:LINE_CHARS]
        self._last_lines.append(line)
        _log.info("model process says", model=self._name, line=line)


def _ended(status: int) -> str:
    return f"it was ended by {signal.Signals(-status).name}" if status < 0 else f"status {status}"


class _Ear(asyncio.Protocol):
    """Hands on what the socket brings, without a task in between."""

    def __init__(self, process: ModelProcess) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._process = process

    def data_received(self, data: bytes) -> None:
        self._process._heard(data)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(None)
