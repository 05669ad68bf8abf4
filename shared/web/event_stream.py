"""Reads server-sent events (WHATWG HTML, 9.2.6 "Interpreting an event stream").

Lines end at LF, CR LF or CR and at nothing else: `str.splitlines`, which httpx2's `aiter_lines`
uses, also ends them at U+2028, U+0085 and six more that a JSON text may hold unescaped. Bytes are
split before they are decoded, as no byte of a longer UTF-8 sequence is a CR or LF (RFC 3629).
"""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import NamedTuple

MAX_EVENT_BYTES = 4 * 1024 * 1024
"""Largest event, and largest line, that is kept in memory."""
DEFAULT_NAME = "message"
_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


class EventTooLarge(Exception):
    """An event, or a line, is longer than the reader keeps."""


class ServerSentEvent(NamedTuple):
    """One event; `name` is `message` where the stream names none."""

    name: str
    data: str


class EventStreamDecoder:
    """Turns the bytes of a stream, however they are cut, into its events.

    `lines` counts the lines that were read, comments and blank ones included: while it grows, the
    sender is alive. An event without its final blank line is never returned.
    """

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self.lines = 0
        self._max_bytes = max_event_bytes
        self._partial: list[bytes] = []
        self._partial_bytes = 0
        self._after_cr = False
        self._at_start = True
        self._name = ""
        self._data: list[str] = []
        self._event_bytes = 0

    def feed(self, data: bytes) -> Iterator[ServerSentEvent]:
        """Take the next bytes; yield each event they complete. Raises EventTooLarge."""
        if self._after_cr and data:
            data = data.removeprefix(b"\n")  # the second half of a CR LF cut in two
            self._after_cr = False
        if not data:
            return
        self._after_cr = data.endswith(b"\r")
        *ended, rest = _LINE_END.split(data)
        for line in ended:
            self._keep(line)
            event = self._end_line()
            if event is not None:
                yield event
        self._keep(rest)

    def _keep(self, piece: bytes) -> None:
        self._partial.append(piece)
        self._partial_bytes += len(piece)
        if self._event_bytes + self._partial_bytes > self._max_bytes:
            raise EventTooLarge(f"an event of more than {self._max_bytes} bytes")

    def _end_line(self) -> ServerSentEvent | None:
        line = b"".join(self._partial)
        self._partial, self._partial_bytes = [], 0
        self.lines += 1
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(_BOM)
        if not line:
            return self._dispatch()
        name, _, value = line.partition(b":")
        text = value.removeprefix(b" ").decode("utf-8", "replace")
        if name == b"data":
            self._event_bytes += len(line) + 1
            self._data.append(text)
        elif name == b"event":
            self._name = text
        return None

    def _dispatch(self) -> ServerSentEvent | None:
        """End the event: without a data line it is none."""
        name, data = self._name or DEFAULT_NAME, self._data
        self._name, self._data, self._event_bytes = "", [], 0
        return ServerSentEvent(name, "\n".join(data)) if data else None


class EventStream:
    """The events of a response's bytes. Raises EventTooLarge; TimeoutError after `silence_s`.

    Silence is the time in which no line ends: a comment is a sign of life, single bytes are none.
    `silence_s` may be changed between two events.
    """

    def __init__(
        self,
        chunks: AsyncIterator[bytes],
        *,
        silence_s: float,
        max_event_bytes: int = MAX_EVENT_BYTES,
    ) -> None:
        self.silence_s = silence_s
        self._chunks = chunks
        self._decoder = EventStreamDecoder(max_event_bytes)

    async def __aiter__(self) -> AsyncGenerator[ServerSentEvent]:
        loop = asyncio.get_running_loop()
        heard_s, lines = loop.time(), 0
        while True:
            async with asyncio.timeout_at(heard_s + self.silence_s):
                chunk = await anext(self._chunks, None)
            if chunk is None:
                return
            for event in self._decoder.feed(chunk):
                yield event
            if self._decoder.lines != lines:
                heard_s, lines = loop.time(), self._decoder.lines
