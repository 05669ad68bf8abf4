"""Messages between a worker and the process that owns the models, and their framing.

A frame is the length of its body (four bytes, big-endian) and one message in MessagePack. A
connection's first message says what it is for; ids are the worker's and count from 1 on each
connection.
"""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Generic, Self, TypeVar

import msgspec

from ai_core.engines.base import Capabilities, Prompt, Sampling, TextChunk
from ai_core.engines.error_report import ErrorReport
from ai_core.engines.process.protocol import Cancel, CountTokens, Detokenize, Embed
from ai_core.models.slot import SlotState
from ai_core.models.speeds import Size

MAX_FRAME_BYTES = 256 * 1024 * 1024
_LENGTH = struct.Struct(">I")


class Enter(msgspec.Struct, tag=True, frozen=True):
    """Enter a model's queue; `deadline_s` is on the system's monotonic clock."""

    model: str
    caller: str
    size: Size
    deadline_s: float | None


class Ready(msgspec.Struct, tag=True, frozen=True):
    """The prompt is built: start as soon as a slot is free."""

    size: Size
    slots: int


class Written(msgspec.Struct, tag=True, frozen=True):
    """Tokens were written."""

    tokens: int
    prompt_tokens: int


class Finish(msgspec.Struct, tag=True, frozen=True):
    """The answer is complete."""

    cut: bool


class Lease(msgspec.Struct, tag=True, frozen=True):
    """Lease the engine of a model with these weights."""

    model: str
    weights: str


class Generate(msgspec.Struct, tag=True, frozen=True):
    """Generate an answer, in `Chunk`s."""

    id: int
    prompt: Prompt
    sampling: Sampling


class Tokenize(msgspec.Struct, tag=True, frozen=True):
    """Return the tokens of a prompt."""

    id: int
    prompt: Prompt
    special: bool


class Load(msgspec.Struct, tag=True, frozen=True):
    """Load a model; answered with a `State`."""

    model: str


class Unload(msgspec.Struct, tag=True, frozen=True):
    """Unload a model; answered with a `State`."""

    model: str


class Reread(msgspec.Struct, tag=True, frozen=True):
    """Read models.toml again; answered with a `State`."""


class Watch(msgspec.Struct, tag=True, frozen=True):
    """Send a `State` now and whenever something changes."""


class Entered(msgspec.Struct, tag=True, frozen=True):
    """The job is in the queue."""


class Waiting(msgspec.Struct, tag=True, frozen=True):
    """How many jobs are before this one, and how long they are expected to take."""

    position: int
    wait_s: float | None


class Started(msgspec.Struct, tag=True, frozen=True):
    """The job has a slot."""


class Leased(msgspec.Struct, tag=True, frozen=True):
    """The engine is leased; `reasons` where its reasoning is learnt (`ReasoningStart`)."""

    context_tokens: int
    slots: int
    capabilities: Capabilities
    reasons: bool


class Chunk(msgspec.Struct, tag=True, frozen=True):
    """A part of an answer."""

    id: int
    chunk: TextChunk


class Result(msgspec.Struct, tag=True, frozen=True):
    """The result of a call."""

    id: int
    numbers: list[int] = []
    vectors: list[list[float]] = []
    text: str = ""


class ModelState(msgspec.Struct, frozen=True):
    """A model as it is now; see `ModelStatus`."""

    id: str
    state: SlotState
    memory_bytes: int
    tokens_per_s: float
    code: str | None
    restarts: int
    slots: int


class QueueState(msgspec.Struct, frozen=True):
    """A model's queue as it is now; see `QueueStatus`."""

    model: str
    waiting: int
    running: int
    wait_s: float | None


class State(msgspec.Struct, tag=True, frozen=True):
    """All models as they are now; `unready` is what `ModelPool.require_ready` raises."""

    budget_bytes: int
    models: tuple[ModelState, ...]
    queues: tuple[QueueState, ...]
    unready: ErrorReport | None


class Failure(msgspec.Struct, tag=True, frozen=True):
    """What has this id failed; 0: the connection's purpose."""

    id: int
    error: ErrorReport


Call = CountTokens | Tokenize | Detokenize | Embed
Command = (
    Enter | Ready | Written | Finish | Lease | Generate | Cancel | Call
    | Load | Unload | Reread | Watch
)  # fmt: skip
Event = Entered | Waiting | Started | Leased | Chunk | Result | State | Failure
Sent = TypeVar("Sent")
Received = TypeVar("Received")


class Link(Generic[Received]):
    """One connection, which both sides may write to at any time."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        decoder: "msgspec.msgpack.Decoder[Received]",
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder = decoder
        self._encoder = msgspec.msgpack.Encoder()

    @classmethod
    def of_worker(cls, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> "Link[Event]":
        """Return a worker's end of a connection."""
        return Link(reader, writer, msgspec.msgpack.Decoder(Event))

    @classmethod
    def of_host(cls, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> "Link[Command]":
        """Return the end of the process that owns the models."""
        return Link(reader, writer, msgspec.msgpack.Decoder(Command))

    def send(self, message: Command | Event) -> None:
        """Send a message; dropped when the other side is gone."""
        body = self._encoder.encode(message)
        if not self._writer.is_closing():
            self._writer.write(_LENGTH.pack(len(body)) + body)

    async def drain(self) -> None:
        """Wait while the other side is slow to read."""
        with suppress(ConnectionError):
            await self._writer.drain()

    async def receive(self) -> Received | None:
        """Wait for the next message; None when the other side is gone."""
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            if length > MAX_FRAME_BYTES:
                raise ValueError(f"a frame of {length} bytes")
            return self._decoder.decode(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    def close(self) -> None:
        """Hang up."""
        self._writer.close()

    def __aiter__(self) -> AsyncIterator[Received]:
        return self

    async def __anext__(self) -> Received:
        message = await self.receive()
        if message is None:
            raise StopAsyncIteration
        return message

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
