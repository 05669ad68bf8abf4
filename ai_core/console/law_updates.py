"""Updates of the law begun at the desk: `corpus update` in a child process, one at a time.

The import takes a core for minutes, and memory that is given back when it ends; the lock on the
disk keeps it from running beside one of the host's timer.
"""

import asyncio
import os
import shutil
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

import structlog

from ai_core.errors import UpdateUnderWay
from shared.clock import Clock

log = structlog.get_logger()

LINES_KEPT = 40
LONGEST_S = 3_600.0
END_S = 5.0
UpdateState = Literal["running", "succeeded", "failed"]


@dataclass(slots=True)
class LawUpdate:
    """An update that was begun here: what it says, how it ended."""

    begun_by: str
    began_at: datetime
    state: UpdateState = "running"
    ended_at: datetime | None = None
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=LINES_KEPT))


def update_command() -> list[str]:
    """Return the command line that fetches the law, puts it in service and indexes it."""
    return [sys.executable, "-m", "ai_core", "corpus", "update"]


class LawUpdates:
    """Begins updates and follows them; `close` ends one that runs."""

    def __init__(self, data_dir: Path, clock: Clock, command: Sequence[str] | None = None) -> None:
        self._data_dir = data_dir
        self._clock = clock
        self.command = list(command or update_command())
        self._task: asyncio.Task[None] | None = None
        self.latest: LawUpdate | None = None

    @property
    def running(self) -> bool:
        """Whether an update that was begun here has not ended."""
        return self._task is not None and not self._task.done()

    async def possible(self) -> bool:
        """Whether the law can be fetched here: an image brings its law, and has no npm."""
        if self.command != update_command():
            return True
        return await asyncio.to_thread(shutil.which, "npm") is not None

    def begin(self, begun_by: str) -> LawUpdate:
        """Begin an update in the background. Raises UpdateUnderWay while one runs."""
        if self.running:
            raise UpdateUnderWay
        update = self.latest = LawUpdate(begun_by, self._clock.now())
        self._task = asyncio.create_task(self._follow(update), name="update of the law")
        return update

    async def wait(self) -> None:
        """Wait until the latest update has ended."""
        if self._task:
            await asyncio.wait([self._task])

    async def close(self) -> None:
        """End an update that runs: the version in service stays."""
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _follow(self, update: LawUpdate) -> None:
        try:
            process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env={**os.environ, "AI_CORE_DATA_DIR": str(self._data_dir)},
            )
        except OSError as error:
            update.lines.append(str(error.strerror))
            self._end(update, "failed")
            return
        try:
            async with asyncio.timeout(LONGEST_S):
                status = await self._read(process, update)
            self._end(update, "failed" if status else "succeeded")
        except TimeoutError:
            self._end(update, "failed")
        finally:
            await _ended(process)

    @staticmethod
    async def _read(process: asyncio.subprocess.Process, update: LawUpdate) -> int:
        if process.stdout is not None:
            async for line in process.stdout:
                update.lines.append(line.decode("utf-8", "replace").rstrip()[:400])
        return await process.wait()

    def _end(self, update: LawUpdate, state: UpdateState) -> None:
        update.state, update.ended_at = state, self._clock.now()
        log.info("law update ended", state=state)


async def _ended(process: asyncio.subprocess.Process) -> None:
    """End a process that still runs."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(END_S):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
