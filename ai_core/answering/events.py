"""Events of an answer in progress: one stream, from the engine to the client.

`Queued` from time to time while the answer waits for a slot, `Thought` and `Text` as they are
written live, `Done` last.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime

from shared.ai.contract import GenerateReply


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
class Done:
    """The whole answer. `body` is its JSON as cached, without per-request fields."""

    reply: GenerateReply
    body: bytes

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


Event = Queued | Thought | Text | Done
Events = AsyncGenerator[Event]


async def collect(events: Events) -> Done:
    """Consume a stream of events; return its whole answer."""
    async with aclosing(events):
        return [event async for event in events if isinstance(event, Done)][-1]
