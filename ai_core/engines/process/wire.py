"""What the web process and a model's process say to each other, and how it is framed.

A frame is the length of what follows (four bytes, big-endian) and one message in MessagePack. The
child's first frame is an `Open`; everything after carries the id of a job or of a call, numbers
that the parent gives and never uses twice.
"""

import struct
from collections.abc import Iterator, Sequence

import msgspec

from ai_core.engines.base import ChatMessage, Sampling
from ai_core.engines.runner import LoadOptions, RunnerInfo, TokenChunk
from ai_core.errors import (
    ContextOverflow,
    EngineFailed,
    ModelUnusable,
    NoMemory,
    Unsupported,
)
from shared.errors import AppError

MAX_FRAME_BYTES = 256 * 1024 * 1024
_LENGTH = struct.Struct(">I")
_KINDS: dict[str, type[AppError]] = {
    kind.code: kind
    for kind in (ContextOverflow, EngineFailed, ModelUnusable, NoMemory, Unsupported)
}


class Open(msgspec.Struct, tag=True, frozen=True):
    """Bring the model at `path` to memory with a format's module; `niceness` as in nice(2).

    `extra` is what to install when the module's library is missing.
    """

    module: str
    extra: str
    path: str
    options: LoadOptions
    niceness: int = 0


class Stream(msgspec.Struct, tag=True, frozen=True):
    """Write an answer to `messages`, or to `raw` when it is not None."""

    id: int
    messages: tuple[ChatMessage, ...]
    raw: str | None
    sampling: Sampling
    adapter: str | None = None


class Cancel(msgspec.Struct, tag=True, frozen=True):
    """Forget a job or a call."""

    id: int


class Count(msgspec.Struct, tag=True, frozen=True):
    """Count the tokens of each text."""

    id: int
    texts: Sequence[str]


class Embed(msgspec.Struct, tag=True, frozen=True):
    """Return a vector for each text."""

    id: int
    texts: Sequence[str]


class LoadAdapter(msgspec.Struct, tag=True, frozen=True):
    """Bring a LoRA to memory."""

    id: int
    name: str
    path: str


class Quit(msgspec.Struct, tag=True, frozen=True):
    """Give the memory back and end."""


class Fault(msgspec.Struct, frozen=True):
    """An error of ours: its code, its sentence for operators, and the facts of the caller's."""

    code: str
    detail: str
    facts: dict[str, str | int] = {}

    @classmethod
    def of(cls, error: AppError) -> "Fault":
        """Write an error down."""
        code = error.code if error.code in _KINDS else EngineFailed.code
        return cls(code, str(error), error.facts)

    def error(self) -> AppError:
        """Return the error again, for the process that raises it."""
        return _KINDS.get(self.code, EngineFailed)(self.detail, retry_after_s=None, **self.facts)


class Opened(msgspec.Struct, tag=True, frozen=True):
    """The model is in memory."""

    facts: RunnerInfo


class Read(msgspec.Struct, tag=True, frozen=True):
    """A job's prompt is tokenized, and waits for its place."""

    id: int
    prompt_tokens: int


class Steps(msgspec.Struct, tag=True, frozen=True):
    """What one step wrote, for all jobs, or that steps are being made although nothing is written.

    `reading_s` and `writing_s` are the seconds spent in steps since the frame before: those in
    which a prompt was being read, and the others.
    """

    wrote: list[TokenChunk]
    reading_s: float
    writing_s: float


class Done(msgspec.Struct, tag=True, frozen=True):
    """The result of a call: counts, vectors, or nothing but that it is done."""

    id: int
    counts: list[int] = []
    vectors: list[list[float]] = []


class Refused(msgspec.Struct, tag=True, frozen=True):
    """A job or a call that cannot be done; id 0 for `Open`."""

    id: int
    fault: Fault


Call = Count | Embed | LoadAdapter
Command = Open | Stream | Cancel | Count | Embed | LoadAdapter | Quit
Report = Opened | Read | Steps | Done | Refused

_encoder = msgspec.msgpack.Encoder()
_commands: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)
_reports: msgspec.msgpack.Decoder[Report] = msgspec.msgpack.Decoder(Report)


def frame(message: Command | Report) -> bytes:
    """Return a message as it crosses the socket."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


class Frames:
    """Cuts a stream of bytes into the bodies of its frames."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take bytes as they come; yields each body that is complete.

        Raises ValueError when a frame claims to be larger than any we send.
        """
        self._held += data
        while len(self._held) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._held)
            if length > MAX_FRAME_BYTES:
                raise ValueError(f"a frame of {length} bytes")
            end = _LENGTH.size + length
            if len(self._held) < end:
                return
            body = bytes(self._held[_LENGTH.size : end])
            del self._held[:end]
            yield body


def command(body: bytes) -> Command:
    """Read what the parent asks. Raises msgspec.ValidationError when it is no command."""
    return _commands.decode(body)


def report(body: bytes) -> Report:
    """Read what the child says. Raises msgspec.ValidationError when it is no report."""
    return _reports.decode(body)
