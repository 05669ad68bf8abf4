"""Runs one function on untrusted input in confined child processes.

A child (`sandbox_child.py`) has limited memory and time, no network, no environment, and may open
nothing but the code it runs and what is named readable, start no program and see no other process
(`confinement.py`). Requests and replies are frames: a length, then that many bytes.
"""

import asyncio
import functools
import json
import math
import struct
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal

import structlog

from shared.privacy.confinement import LAYERS

LENGTH = struct.Struct(">I")
MAX_REPLY_BYTES = 32 * 1024 * 1024
START_TIMEOUT_S = 15.0
BOOTSTRAP = (
    "import sys; sys.path[:] = {path!r}; from shared.privacy.sandbox_child import main; main()"
)
"""Instead of an environment variable: the child has an empty environment."""

log = structlog.get_logger("sandbox")


class SandboxFailed(Exception):
    """The function gave no result: it timed out, or its process crashed or ran out of memory."""

    def __init__(self, reason: Literal["time", "crash"]) -> None:
        super().__init__(reason)
        self.reason = reason


class Sandbox:
    """A pool of child processes that run one call at a time each. Open it with `async with`."""

    def __init__(
        self,
        function: str,
        *,
        timeout_s: float,
        memory_mib: int,
        start_timeout_s: float = START_TIMEOUT_S,
        processes: int = 1,
        calls_per_process: int = 1,
        readable: Sequence[Path] = (),
        niceness: int = 0,
        prepare: str = "",
        **parameters: str | float,
    ) -> None:
        """Run `function`, named `module:function`: bytes in, bytes out, `parameters` by name.

        `timeout_s` limits a call, both as elapsed and as processor time. A child ends after
        `calls_per_process` calls, which bounds what a parser leaks. Beside the code it may read
        what is `readable`, absolute paths. `niceness` leaves the processor to others first.
        `prepare`, named alike, is called with the parameters once the child is confined.
        """
        self.timeout_s = timeout_s
        self._task = {
            "function": function,
            "prepare": prepare,
            "parameters": parameters,
            "memory_mib": memory_mib,
            "readable": [str(path) for path in readable],
            "niceness": niceness,
        }
        self._calls_per_process = calls_per_process
        self._children = [_Child(start_timeout_s) for _ in range(processes)]
        self._free: asyncio.Queue[_Child] = asyncio.Queue()
        for child in self._children:
            self._free.put_nowait(child)

    async def __aenter__(self) -> "Sandbox":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for child in self._children:
            await child.kill()

    async def start(self) -> None:
        """Start every child now instead of with its first call. Raises SandboxFailed."""
        try:
            for child in self._children:
                await child.start(self._child_arguments)
        except TimeoutError:
            await self.__aexit__(None, None, None)
            raise SandboxFailed("time") from None
        except (OSError, asyncio.IncompleteReadError):
            await self.__aexit__(None, None, None)
            raise SandboxFailed("crash") from None

    @property
    def _child_arguments(self) -> tuple[str, ...]:
        return (json.dumps({**self._task, "call_cpu_s": math.ceil(self.timeout_s)}),)

    async def call(self, data: bytes) -> bytes:
        """Return the function's result. Raises SandboxFailed; the next call gets a new process."""
        child = await self._free.get()
        try:
            process = await child.running(self._child_arguments)
            async with asyncio.timeout(self.timeout_s):
                reply = await _exchange(process, data)
            if child.calls >= self._calls_per_process:
                await child.kill()  # now: it holds what it read, and its memory
            return reply  # noqa: TRY300 - not in `else`, which would leave the kill unguarded
        except TimeoutError:
            await child.kill()
            raise SandboxFailed("time") from None
        except (OSError, asyncio.IncompleteReadError):
            await child.kill()
            raise SandboxFailed("crash") from None
        except BaseException:
            await child.kill()
            raise
        finally:
            self._free.put_nowait(child)


class _Child:
    """One process, started when it is needed."""

    def __init__(self, start_timeout_s: float) -> None:
        self._start_timeout_s = start_timeout_s
        self.calls = 0
        self.layers: list[str] = []
        self._process: Process | None = None

    async def running(self, arguments: tuple[str, ...]) -> Process:
        process = await self.start(arguments)
        self.calls += 1
        return process

    async def start(self, arguments: tuple[str, ...]) -> Process:
        if self._process is None or self._process.returncode is not None:
            self.calls = 0
            async with asyncio.timeout(self._start_timeout_s):
                self._process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-I", "-c", BOOTSTRAP.format(path=sys.path), *arguments),
                    stdin=PIPE,
                    stdout=PIPE,
                    stderr=DEVNULL,
                    env={},
                )
                self.layers = json.loads(await _read_frame(self._process))
                _report(self.layers)
        return self._process

    async def kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        await process.communicate()


@functools.cache
def _report_missing(missing: frozenset[str]) -> None:
    log.warning("sandbox_layers_missing", layers=sorted(missing))


def _report(layers: list[str]) -> None:
    """Say once in the log which layers this host does not have."""
    missing = frozenset(LAYERS).difference(layers)
    if missing:
        _report_missing(missing)


async def _exchange(process: Process, data: bytes) -> bytes:
    assert process.stdin is not None  # noqa: S101 - opened with PIPE
    process.stdin.write(LENGTH.pack(len(data)))
    process.stdin.write(data)
    await process.stdin.drain()
    return await _read_frame(process)


async def _read_frame(process: Process) -> bytes:
    assert process.stdout is not None  # noqa: S101 - opened with PIPE
    length = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))[0]
    if length > MAX_REPLY_BYTES:
        raise OSError("a reply larger than any result")
    return await process.stdout.readexactly(length)
