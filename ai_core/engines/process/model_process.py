"""The parent's side of a model process: start, send and receive, log its output, stop."""

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
from ai_core.engines.process.protocol import (
    Command,
    CountTokens,
    Embed,
    Event,
    FrameDecoder,
    Generate,
    Shutdown,
    decode_event,
    encode_frame,
)

MAX_LINE_CHARS = 500
KEPT_LINES = 50
ERROR_LINES = 2
SETTINGS_PREFIX = "AI_CORE_"
EXIT_TIMEOUT_S = 2.0
"""How long a process may take to exit once its socket is closed, and its last output to arrive: a
process it started itself may keep the pipe open."""

_CODE_LINE = re.compile(
    r"\s*(?:Fatal Python error: [\w ]+|(?:Current )?[Tt]hread 0x\w+.*"
    r"|File \"[^\"]*\", line \d+ in \S+|Extension modules: .*"
    r"|[\w.]+(?:: .*)? in \w+\.py:\d+ .*|\S+\.\w+:\d+: \w+\(.*\) failed.*)"
)
"""Lines that are logged once callers' texts have reached a process: a fault handler's trace, an
assertion with its place, and what `describe_exception` returns. Others may quote a text."""
_ERROR_LINE = re.compile(r"error:|exception:|assert|fatal|terminate", re.IGNORECASE)
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ProcessExit:
    """An unexpected exit: the status (negative: the signal) and the last error printed."""

    status: int
    detail: str


class ModelProcess:
    """A child process; `on_event` is called on the event loop with each of its events.

    `exited` resolves once the process is gone and its memory is back: to a ProcessExit, or to None
    when it was asked to end.
    """

    def __init__(self, name: str, format: Format, on_event: Callable[[Event], None]) -> None:
        self.exited: asyncio.Future[ProcessExit | None] = asyncio.get_running_loop().create_future()
        self._name = name
        self._format = format
        self._on_event = on_event
        self._frames = FrameDecoder()
        self._process: Process | None = None
        self._transport: asyncio.WriteTransport | None = None
        self._last_lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._kill_reason = ""
        self._stop_requested = False
        self._serving = False
        self._supervisor: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the process, which waits for `LoadModel`. Raises OSError at the system's limits."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        loop = asyncio.get_running_loop()
        self._transport, protocol = await loop.create_unix_connection(
            lambda: _SocketProtocol(self), sock=ours
        )
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
        self._supervisor = asyncio.create_task(self._supervise(process, protocol.lost))

    @property
    def pid(self) -> int:
        """The process id; 0 before it is started."""
        return self._process.pid if self._process else 0

    @property
    def running(self) -> bool:
        """Whether commands still reach it."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, message: Command) -> None:
        """Send a command; dropped when the process is gone."""
        self._serving = self._serving or isinstance(message, Generate | CountTokens | Embed)
        if self._transport and self.running:
            self._transport.write(encode_frame(message))

    def kill(self, reason: str) -> None:
        """Kill the process; `reason` becomes the detail of its exit."""
        self._kill_reason = self._kill_reason or reason
        if self._process and self._process.returncode is None:
            self._process.kill()

    async def stop(self, grace_s: float) -> None:
        """Shut the process down, killing it after `grace_s`; returns when its memory is free."""
        self._stop_requested = True
        if self._supervisor is None:
            return
        self.send(Shutdown())
        try:
            async with asyncio.timeout(grace_s):
                await asyncio.shield(self._supervisor)
        except TimeoutError:
            self.kill("it did not exit when asked to")
            await asyncio.shield(self._supervisor)
        except BaseException:
            self.kill("the shutdown was cancelled")
            raise

    def memory_bytes(self) -> int:
        """Return the process's proportional set size (PSS, proc(5)); 0 once it is gone.

        Where the kernel has no PSS it is the resident set size. Blocks on /proc.
        """
        proc = Path("/proc", str(self.pid))
        try:
            if (rollup := proc / "smaps_rollup").exists():
                found = re.search(r"^Pss:\s+(\d+) kB", rollup.read_text(), re.MULTILINE)
                return int(found[1]) * 1024 if found else 0
            resident_pages = int((proc / "statm").read_text().split()[1])
        except (FileNotFoundError, ProcessLookupError):
            return 0
        return resident_pages * os.sysconf("SC_PAGE_SIZE")

    def _environment(self) -> dict[str, str]:
        """Return our environment without the settings: the child must not see secrets."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(SETTINGS_PREFIX)
        }
        path = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONUNBUFFERED": "1"}
        return {**self._format.environment, **inherited, **path}

    def _receive(self, data: bytes) -> None:
        for body in self._frames.feed(data):
            self._on_event(decode_event(body))

    async def _supervise(self, process: Process, lost: asyncio.Future[None]) -> None:
        """Wait until the process is gone, then resolve `exited`."""
        logging = asyncio.create_task(self._log_output(process))
        await lost
        try:
            async with asyncio.timeout(EXIT_TIMEOUT_S):
                status = await process.wait()
        except TimeoutError:
            self.kill("it closed its socket without exiting")
            status = await process.wait()
        await asyncio.wait([logging], timeout=EXIT_TIMEOUT_S)
        logging.cancel()
        detail = self._kill_reason or self._last_error() or _describe_status(status)
        unexpected = None if self._stop_requested else ProcessExit(status, detail)
        if unexpected:
            _log.error("model process exited", model=self._name, status=status, detail=detail)
        self.exited.set_result(unexpected)

    def _last_error(self) -> str:
        """Return the last lines that look like an error, or else the last line."""
        lines = list(self._last_lines)
        return " / ".join(([*filter(_ERROR_LINE.search, lines)] or lines[-1:])[-ERROR_LINES:])

    async def _log_output(self, process: Process) -> None:
        assert process.stdout is not None  # noqa: S101 - opened with PIPE
        rest = ""
        while data := await process.stdout.read(8_192):
            *lines, rest = re.split(r"[\r\n]+", rest + data.decode(errors="replace"))
            for line in filter(None, lines):
                self._log_line(line)
            rest = rest[:MAX_LINE_CHARS]
        if rest:
            self._log_line(rest)

    def _log_line(self, line: str) -> None:
        if self._serving and not _CODE_LINE.fullmatch(line):
            line = f"({len(line)} characters withheld)"
        line = line[:MAX_LINE_CHARS]
        self._last_lines.append(line)
        _log.info("model process output", model=self._name, line=line)


def _describe_status(status: int) -> str:
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"status {status}"


class _SocketProtocol(asyncio.Protocol):
    """Passes received data on within the event loop's callback, without a task in between."""

    def __init__(self, process: ModelProcess) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._process = process

    def data_received(self, data: bytes) -> None:
        self._process._receive(data)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(None)
