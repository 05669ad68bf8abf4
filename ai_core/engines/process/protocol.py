"""Messages between the web process and a model process, and their framing.

A frame is the length of its body (four bytes, big-endian) and one message in MessagePack. The
parent's first frame is a `LoadModel`, which the child answers with `ModelLoaded` or `Failure`.
Every later message carries the id of a job or a call, which the parent assigns and never reuses.
"""

import struct
from collections.abc import Iterator, Sequence

import msgspec

from ai_core.engines.base import ChatMessage, Sampling, ToolUse
from ai_core.engines.error_report import ErrorReport
from ai_core.engines.runner import LoadOptions, RunnerInfo, TokenChunk

MAX_FRAME_BYTES = 256 * 1024 * 1024
_LENGTH = struct.Struct(">I")


class LoadModel(msgspec.Struct, tag=True, frozen=True):
    """Load the model at `path` with a format's module; `niceness` as in nice(2).

    `extra` is the package extra to install when the module's library is missing.
    """

    module: str
    extra: str
    path: str
    options: LoadOptions
    niceness: int = 0


class Generate(msgspec.Struct, tag=True, frozen=True):
    """Generate an answer to `messages`, or continue `raw` when it is not None."""

    id: int
    messages: tuple[ChatMessage, ...]
    raw: str | None
    sampling: Sampling
    adapter: str | None = None
    tool_use: ToolUse | None = None


class Cancel(msgspec.Struct, tag=True, frozen=True):
    """Drop a job or a call."""

    id: int


class CountTokens(msgspec.Struct, tag=True, frozen=True):
    """Count the tokens of each text."""

    id: int
    texts: Sequence[str]


class Tokenize(msgspec.Struct, tag=True, frozen=True):
    """Return the tokens of a prompt; without `special`, of the plain text `raw`."""

    id: int
    messages: tuple[ChatMessage, ...]
    raw: str | None
    special: bool = True


class Detokenize(msgspec.Struct, tag=True, frozen=True):
    """Return the text of tokens."""

    id: int
    tokens: Sequence[int]


class Embed(msgspec.Struct, tag=True, frozen=True):
    """Return an embedding of each text."""

    id: int
    texts: Sequence[str]


class LoadAdapter(msgspec.Struct, tag=True, frozen=True):
    """Load a LoRA adapter."""

    id: int
    name: str
    path: str


class Shutdown(msgspec.Struct, tag=True, frozen=True):
    """Free the model and exit."""


class ModelLoaded(msgspec.Struct, tag=True, frozen=True):
    """The model is in memory."""

    info: RunnerInfo


class PromptTokenized(msgspec.Struct, tag=True, frozen=True):
    """A job's prompt is tokenized and queued for a slot."""

    id: int
    prompt_tokens: int


class StepReport(msgspec.Struct, tag=True, frozen=True):
    """What one step generated for all jobs; with no chunks, a heartbeat.

    `prefill_s` and `decode_s` are the seconds spent in steps since the last report: in those that
    computed part of a prompt, and in the others.
    """

    chunks: list[TokenChunk]
    prefill_s: float
    decode_s: float


class CallResult(msgspec.Struct, tag=True, frozen=True):
    """The result of a call: token counts, tokens, a text, embeddings, or only that it is done."""

    id: int
    counts: list[int] = []
    vectors: list[list[float]] = []
    tokens: list[int] = []
    text: str = ""


class Failure(msgspec.Struct, tag=True, frozen=True):
    """A job or call that failed; id 0 for `LoadModel`."""

    id: int
    error: ErrorReport


Call = CountTokens | Tokenize | Detokenize | Embed | LoadAdapter
Command = LoadModel | Generate | Cancel | Call | Shutdown
Event = ModelLoaded | PromptTokenized | StepReport | CallResult | Failure

_encoder = msgspec.msgpack.Encoder()
_command_decoder: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)
_event_decoder: msgspec.msgpack.Decoder[Event] = msgspec.msgpack.Decoder(Event)


def encode_frame(message: Command | Event) -> bytes:
    """Return a message as one frame."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


class FrameDecoder:
    """Splits a byte stream into the bodies of its frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take bytes as they arrive; yields each body that is complete.

        Raises ValueError for a frame above `MAX_FRAME_BYTES`.
        """
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > MAX_FRAME_BYTES:
                raise ValueError(f"a frame of {length} bytes")
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            yield body


def decode_command(body: bytes) -> Command:
    """Decode a message of the parent. Raises msgspec.ValidationError when it is no command."""
    return _command_decoder.decode(body)


def decode_event(body: bytes) -> Event:
    """Decode a message of the child. Raises msgspec.ValidationError when it is no event."""
    return _event_decoder.decode(body)
