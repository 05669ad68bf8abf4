"""Reads mail in children with limited memory and time, so that a hostile one harms only itself."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from types import TracebackType

from mail_service.errors import Unreadable
from mail_service.reading.message import Mail
from mail_service.reading.reader import LENGTH, MAILS

MAX_ANSWER_BYTES = 32 * 1024 * 1024
MAILS_PER_CHILD = 500
"""A child is replaced after so many mails: what leaks in a parser goes with it."""
START_S = 15.0


class ReaderPool:
    """A few children, lent one mail at a time. Open it with `async with`."""

    def __init__(self, children: int, *, time_s: float, memory_mib: int) -> None:
        self._time_s = time_s
        self._memory_mib = memory_mib
        self._free: asyncio.Queue[_Child] = asyncio.Queue()
        self._children = [_Child() for _ in range(children)]

    async def __aenter__(self) -> "ReaderPool":
        for child in self._children:
            self._free.put_nowait(child)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for child in self._children:
            await child.end()

    async def read(self, raw: bytes) -> Mail:
        """Return the mail understood.

        Raises Unreadable when the child crashed, ran out of memory or took too long; the next
        mail gets a new child.
        """
        child = await self._free.get()
        try:
            process = await child.ready(self._memory_mib)
            async with asyncio.timeout(self._time_s):
                answer = await _ask(process, raw)
        except TimeoutError:
            await child.end()
            raise Unreadable("time") from None
        except (OSError, asyncio.IncompleteReadError):
            await child.end()
            raise Unreadable("crash") from None
        except BaseException:
            await child.end()
            raise
        finally:
            self._free.put_nowait(child)
        return MAILS.validate_json(answer)


class _Child:
    """One process, started when it is needed."""

    def __init__(self) -> None:
        self._process: Process | None = None
        self._read = 0

    async def ready(self, memory_mib: int) -> Process:
        if self._read >= MAILS_PER_CHILD:
            await self.end()
        if self._process is None or self._process.returncode is not None:
            async with asyncio.timeout(START_S):
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "mail_service.reading.reader",
                    str(memory_mib),
                    stdin=PIPE,
                    stdout=PIPE,
                    stderr=asyncio.subprocess.DEVNULL,
                    env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
                )
            self._read = 0
        self._read += 1
        return self._process

    async def end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _ask(process: Process, raw: bytes) -> bytes:
    assert process.stdin is not None  # noqa: S101 - opened with PIPE
    assert process.stdout is not None  # noqa: S101 - opened with PIPE
    process.stdin.write(LENGTH.pack(len(raw)))
    process.stdin.write(raw)
    await process.stdin.drain()
    length = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))[0]
    if length > MAX_ANSWER_BYTES:
        raise OSError("an answer too large to be true")
    return await process.stdout.readexactly(length)
