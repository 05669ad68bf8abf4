"""Answers that are written whether or not their client is connected.

An answer runs in a task of its own and keeps its frames; each client that follows it reads them at
its own pace from the same list, so that a slow one costs no memory of its own. Without anybody who
follows it, here or in another process, it is stopped after ABANDONED_AFTER_S.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any, Literal

import orjson
from redis.exceptions import RedisError

from ai_core.api.answer_log import LEASE_MS, AnswerLog, KeptAnswer, Signs
from ai_core.errors import UnknownAnswer

ABANDONED_AFTER_S = 30.0
RESUME_S = 120.0
"""How long an answer can be resumed after its end."""
KEEP_EVERY_S = 0.2
HEARTBEAT_S = 2.0
READ_EVERY_S = 0.25
CLOSING_S = 5.0
MOST_HELD = 256
"""Answers that have ended and are held here while Redis is lost."""
NO_SIGNS = Signs(reads=False, stops=False)
ENDS = frozenset({"done", "error", "stopped"})
"""Types of the frame that ends an answer."""
Reason = Literal["client", "abandoned", "restart"]
Write = Callable[["RunningAnswer"], Awaitable[None]]


class RunningAnswer:
    """One answer and its frames, each with an id from 1 on; the last is of a type in ENDS."""

    def __init__(self, answer_id: str, key_id: str) -> None:
        self.id = answer_id
        self.key_id = key_id
        self.frames: list[bytes] = []
        self.ended = False
        self.task: asyncio.Task[None] | None = None
        self.begun = False
        self._stopped_by: Reason | None = None
        self._followers = 0
        self._followed_s = time.monotonic()
        self._news = asyncio.Event()

    def add(self, kind: str, **fields: Any) -> None:
        """Add a frame."""
        head = {"type": kind, "answer": self.id, "id": len(self.frames) + 1}
        self.frames.append(orjson.dumps(head | fields))
        self.ended = kind in ENDS
        self._tell()

    def stop(self, reason: Reason) -> None:
        """Stop writing, and say why in the last frame.

        A task that has not begun is stopped once it has: what it holds must be given back.
        """
        if self.task is None or self.ended:
            return
        self._stopped_by = self._stopped_by or reason
        if self.begun:
            self.task.cancel()
        else:
            asyncio.get_running_loop().call_soon(self.stop, reason)

    def conclude(self) -> None:
        """Add the last frame of an answer that was stopped."""
        if not self.ended:
            self.add("stopped", reason=self._stopped_by or "restart")

    async def follow(self, after: int) -> AsyncGenerator[bytes]:
        """Yield the frames after the one with the id `after`, until the last."""
        self._followers += 1
        try:
            while True:
                news = self._news
                while after < len(self.frames):
                    yield self.frames[after]
                    after += 1
                if self.ended:
                    return
                if news is self._news:
                    await news.wait()
        finally:
            self._followers -= 1
            self._followed_s = time.monotonic()

    def read_elsewhere(self) -> None:
        """Count a reader of another process."""
        self._followed_s = time.monotonic()

    @property
    def abandoned(self) -> bool:
        """Whether nobody has followed it for ABANDONED_AFTER_S."""
        return self._followers == 0 and time.monotonic() - self._followed_s >= ABANDONED_AFTER_S

    async def wait(self, timeout_s: float) -> None:
        """Return when there is a new frame, or after `timeout_s`."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), timeout_s)

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


class RunningAnswers:
    """The answers of this process, and those that Redis has from others."""

    def __init__(self, log: AnswerLog) -> None:
        self._log = log
        self._here: dict[str, RunningAnswer] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()

    def __len__(self) -> int:
        return len(self._here)

    async def begin(self, answer_id: str, key_id: str, write: Write) -> RunningAnswer | None:
        """Begin an answer; None when one has that id already, here or in another process."""
        if answer_id in self._here:
            return None
        answer = self._here[answer_id] = RunningAnswer(answer_id, key_id)
        kept = self._log.answer(answer_id, key_id)
        claimed = True
        try:
            with suppress(RedisError):  # without Redis it is resumed in this process alone
                claimed = await kept.claim()
        except BaseException:
            del self._here[answer_id]
            raise
        if not claimed:
            del self._here[answer_id]
            answer.conclude()
            return None
        answer.task = self._start(self._write(answer, write))
        self._start(self._keep(answer, kept))
        return answer

    def follow(self, answer_id: str, key_id: str, after: int) -> AsyncGenerator[bytes]:
        """Yield the frames of an answer after the one with the id `after`.

        Raises UnknownAnswer when the key has none with that id, or not so many frames; RedisError.
        """
        here = self._here.get(answer_id)
        if here is None:
            return self._follow_elsewhere(self._log.answer(answer_id, key_id), after)
        if here.key_id != key_id or after > len(here.frames):
            raise UnknownAnswer
        return here.follow(after)

    async def stop(self, answer_id: str, key_id: str) -> None:
        """Stop an answer, here or in the process that writes it."""
        here = self._here.get(answer_id)
        if here is None:
            with suppress(RedisError):
                await self._log.answer(answer_id, key_id).ask_to_stop()
        elif here.key_id == key_id:
            here.stop("client")

    async def ended(self, answer_ids: Iterable[str]) -> None:
        """Return once none of these is written here any more."""
        writing = [self._here[one].task for one in answer_ids if one in self._here]
        if tasks := [task for task in writing if task]:
            await asyncio.wait(tasks)

    async def close(self) -> None:
        """Stop what is still being written, and keep its last frames."""
        self._closing.set()
        for answer in self._here.values():
            answer.stop("restart")
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=CLOSING_S)
        for task in late:
            task.cancel()

    def _start(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _write(self, answer: RunningAnswer, write: Write) -> None:
        answer.begun = True
        try:
            await write(answer)
        finally:
            answer.conclude()

    async def _keep(self, answer: RunningAnswer, kept: KeptAnswer) -> None:
        """Copy the frames to Redis until the last, and stop the answer where others want it."""
        try:
            while not answer.ended:
                await answer.wait(HEARTBEAT_S)
                if not answer.ended:
                    await asyncio.sleep(KEEP_EVERY_S)
                signs = await _kept(kept, answer) or NO_SIGNS
                if signs.reads:
                    answer.read_elsewhere()
                if signs.stops:
                    answer.stop("client")
                if answer.abandoned:
                    answer.stop("abandoned")
            if await _kept(kept, answer) is None and len(self._here) < MOST_HELD:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._closing.wait(), RESUME_S)
        finally:
            del self._here[answer.id]

    async def _follow_elsewhere(self, kept: KeptAnswer, after: int) -> AsyncGenerator[bytes]:
        number = 0
        while True:
            for frame in await kept.read():
                number += 1
                if number > after:
                    yield frame
                if orjson.loads(frame)["type"] in ENDS:
                    return
            await asyncio.sleep(READ_EVERY_S)


async def _kept(kept: KeptAnswer, answer: RunningAnswer) -> Signs | None:
    """Copy an answer to Redis; return None when Redis is lost."""
    live_ms = int(RESUME_S * 1_000) if answer.ended else LEASE_MS
    try:
        return await kept.keep(answer.frames, live_ms)
    except RedisError:
        return None
