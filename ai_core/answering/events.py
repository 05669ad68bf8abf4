"""Events of an answer in progress: one stream, from the engine to the client.

`Queued` from time to time while the answer waits for a slot, `Thought`, `Text` and `Called` as they
are written live, `Done` last.
"""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from ai_core.engines.base import ToolCall
from shared.ai.contract import GenerateReply

MOST_UNREAD = 64
POLL_S = 0.05
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Queued:
    """The answer waits behind `position` others, for about `wait_s` seconds; None: unknown."""

    position: int
    wait_s: float | None


@dataclass(frozen=True, slots=True)
class Text:
    """The next piece of the answer, checked: never empty, never retracted."""

    text: str


@dataclass(frozen=True, slots=True)
class Thought:
    """The next piece of the model's reasoning, before its answer; never checked."""

    text: str


@dataclass(frozen=True, slots=True)
class Called:
    """A call of a function, whole; `index` counts those of the answer."""

    call: ToolCall
    index: int


@dataclass(frozen=True, slots=True)
class Done:
    """The whole answer. `body` is its JSON as cached, without per-request fields.

    An answer with `calls` is never cached.
    """

    reply: GenerateReply
    body: bytes
    calls: tuple[ToolCall, ...] = ()

    def as_of(self, timestamp: datetime, processing_time_s: float) -> "Done":
        """Return the same answer to another request, which took `processing_time_s`."""
        times = {"timestamp": timestamp, "processing_time": processing_time_s}
        return replace(self, reply=self.reply.model_copy(update=times))

    def named(self, answer_id: str) -> "Done":
        """Return the same answer under the id of one request."""
        return replace(self, reply=self.reply.model_copy(update={"answer_id": answer_id}))

    def without_cache(self) -> "Done":
        """Return the same answer without what tells whether it came from the cache."""
        hidden = {"cached": False, "processing_time": 0.0}
        return replace(self, reply=self.reply.model_copy(update=hidden))

    def lines(self) -> list[str]:
        """Return the text in lines, for a stream that has sent none of it yet."""
        return self.reply.response.splitlines(keepends=True)


Event = Queued | Thought | Text | Called | Done
Events = AsyncGenerator[Event]


async def collect(events: Events) -> Done:
    """Consume a stream of events; return its whole answer."""
    async with aclosing(events):
        return [event async for event in events if isinstance(event, Done)][-1]


async def collect_all(streams: Sequence[Events]) -> list[Done]:
    """Consume several streams of events at once; return their whole answers, in their order.

    The first failure ends all of them.
    """
    return await _together([collect(events) for events in streams])


async def _together(work: Sequence[Coroutine[object, object, T]]) -> list[T]:
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in work]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


async def interleaved(streams: Sequence[Events]) -> AsyncGenerator[tuple[int, Event]]:
    """Yield the events of several answers as they come, each with the place of its answer.

    The first failure ends all of them.
    """
    came: asyncio.Queue[tuple[int, Event] | None] = asyncio.Queue(MOST_UNREAD)

    async def read(at: int, events: Events) -> None:
        async with aclosing(events):
            async for event in events:
                await came.put((at, event))

    async def read_all() -> None:
        try:
            await _together([read(at, events) for at, events in enumerate(streams)])
        finally:
            await came.put(None)

    reading = asyncio.create_task(read_all())
    try:
        while (item := await came.get()) is not None:
            yield item
        await reading
    finally:
        reading.cancel()
        while not reading.done():
            with suppress(asyncio.QueueEmpty):
                came.get_nowait()
            await asyncio.wait([reading], timeout=POLL_S)
