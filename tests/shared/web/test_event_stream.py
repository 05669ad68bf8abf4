"""Server-sent events, against the standard's own rules and however the network cuts the bytes."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.web.event_stream import EventStream, EventStreamDecoder, EventTooLarge

NOT_LINE_ENDS = "\u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e"
"""What `str.splitlines` takes for the end of a line and the standard does not."""


def read(stream: bytes, size: int | None = None, limit: int = 1024) -> list[tuple[str, str]]:
    decoder = EventStreamDecoder(limit)
    size = size or len(stream) or 1
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    return [(event.name, event.data) for piece in pieces for event in decoder.feed(piece)]


STREAMS: list[tuple[bytes, list[str]]] = [
    (b"data: a\n\n", ["a"]),
    (b"data: a\r\n\r\n", ["a"]),
    (b"data: a\r\rdata: b\r\r", ["a", "b"]),
    (b"data: a\r\n\ndata: b\n\r\n", ["a", "b"]),
    (b"data: YHOO\ndata: +2\ndata: 10\n\n", ["YHOO\n+2\n10"]),
    (b": a comment\n\ndata:  two spaces\n\n", [" two spaces"]),
    (b"data:none\n\n", ["none"]),
    (b"data\n\ndata\ndata\n\ndata:", ["", "\n"]),
    (b"event: lonely\n\ndata: a\n\n", ["a"]),
    (b"id: 1\nretry: 10\nunknown: x\ndata: a\n\n", ["a"]),
    (b"\xef\xbb\xbfdata: after a byte order mark\n\n", ["after a byte order mark"]),
    (b"data: first\n\n\xef\xbb\xbfdata: not a field\n\n", ["first"]),
    (b"data: never ended", []),
    (b"data: never ended\n", []),
    (b"", []),
    (b"\n\n\n", []),
    ("data: été €😀\n\n".encode(), ["été €😀"]),
    (b"data: \xe2\x82\n\n", ["\ufffd"]),
    (b"data: a\0b\n\n", ["a\0b"]),
    (f"data: a{NOT_LINE_ENDS}b\n\n".encode(), [f"a{NOT_LINE_ENDS}b"]),
]


def test_a_stream_is_read_as_the_standard_says(subtests: pytest.Subtests) -> None:
    for size in [None, 1, 2, 3, 7]:
        for stream, events in STREAMS:
            with subtests.test(size=size, stream=stream, events=events):
                assert [data for _, data in read(stream, size)] == events


def test_an_event_has_its_last_name_and_no_other_has_it() -> None:
    stream = b"event: a\nevent: b\ndata: 1\n\ndata: 2\n\nevent\ndata: 3\n\n"
    assert read(stream) == [("b", "1"), ("message", "2"), ("message", "3")]


@given(st.text(), st.integers(1, 40))
def test_any_text_as_json_comes_out_as_it_went_in(text: str, size: int) -> None:
    text = text.encode("utf-8", "replace").decode()
    stream = f"data: {json.dumps({'delta': text}, ensure_ascii=False)}\n\n".encode()
    [(_, data)] = read(stream, size, limit=1_000_000)
    assert json.loads(data) == {"delta": text}


@given(st.binary(max_size=200), st.integers(1, 30))
def test_the_events_do_not_depend_on_where_the_bytes_are_cut(stream: bytes, size: int) -> None:
    assert read(stream, size) == read(stream)


@pytest.mark.parametrize(
    "stream",
    [
        b"data: " + b"a" * 2_000,
        b": " + b"a" * 2_000,
        b"data\n" * 2_000,
        b"data: a\n" * 2_000,
        b"a" * 2_000,
    ],
)
def test_what_never_ends_is_not_kept(stream: bytes) -> None:
    with pytest.raises(EventTooLarge):
        read(stream, 16)


def test_a_long_stream_of_short_events_has_no_limit() -> None:
    assert len(read(b"event: x\ndata: a\n\n: c\n" * 1_000, 100)) == 1_000


def test_comments_and_blank_lines_count_as_signs_of_life() -> None:
    decoder = EventStreamDecoder()
    assert list(decoder.feed(b": still here\n\n: and he")) == []
    assert decoder.lines == 2
    assert list(decoder.feed(b"re\r")) == []
    assert decoder.lines == 3


async def chunks(*pieces: bytes, then_hang: bool = False) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
    if then_hang:
        await asyncio.Event().wait()


async def test_bytes_become_events_as_they_come() -> None:
    stream = EventStream(chunks(b"event: usage\nda", b"ta: {}", b"\n\n"), silence_s=60)
    assert [event async for event in stream] == [("usage", "{}")]


@pytest.mark.parametrize("last", [b"", b"data: begun", b": a com"])
async def test_a_stream_that_falls_silent_is_given_up(last: bytes) -> None:
    stream = EventStream(chunks(b"data: a\n\n", last, then_hang=True), silence_s=60)
    heard = []

    async def listen() -> None:
        async for event in stream:
            heard.append(event.data)
            stream.silence_s = 0.05

    with pytest.raises(TimeoutError):
        await listen()
    assert heard == ["a"]


async def test_single_bytes_are_no_sign_of_life() -> None:
    async def dripping() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0.001)
            yield b"a"

    stream = EventStream(dripping(), silence_s=0.1)
    with pytest.raises(TimeoutError):
        _ = [event async for event in stream]
