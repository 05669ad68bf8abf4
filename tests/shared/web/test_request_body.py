"""Bodies that come slowly, from a real server: they end, and there are only so many."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import uvicorn
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from shared.texts import Texts
from shared.web import request_body
from shared.web.http_metrics import HttpMetrics
from shared.web.middleware import RequestMiddleware

TEXTS = Texts.read(Path("shared/texts/errors.toml"))
HEAD = b"POST / HTTP/1.1\r\nHost: neo.test\r\nContent-Length: %d\r\n\r\n"
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[], Awaitable[Connection]]


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the body."""
    body = await Request(scope, receive).body()
    await Response(body)(scope, receive, send)


@pytest.fixture
async def connect(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Connect]:
    """A server that echoes bodies of at most 100,000 bytes, and a way to connect to it."""
    monkeypatch.setattr(request_body, "LOOK_EVERY_S", 0.02)
    app = RequestMiddleware(
        echo, metrics=HttpMetrics(CollectorRegistry()), texts=TEXTS, max_body_bytes=100_000
    )
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, ws="none"))
    async with contextlib.AsyncExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        task = asyncio.create_task(server.serve(sockets=[listening]))

        async def connected() -> Connection:
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            stack.callback(writer.close)
            return reader, writer

        yield connected
        server.should_exit = server.force_exit = True
        await task


async def sent(connect: Connect, head: bytes, *pieces: bytes) -> Connection:
    reader, writer = await connect()
    for piece in (head, *pieces):
        writer.write(piece)
        await writer.drain()
    return reader, writer


async def status_of(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    async with asyncio.timeout(30):
        head = await reader.readuntil(b"\r\n\r\n")
    return int(head.split()[1]), head.lower()


async def test_a_body_in_pieces_is_read_whole(connect: Connect) -> None:
    reader, writer = await sent(connect, HEAD % 6, b"abc")
    writer.write(b"def")

    status, _ = await status_of(reader)
    assert (status, await reader.readexactly(6)) == (200, b"abcdef")


async def test_a_body_that_does_not_come_is_a_408_and_the_connection_ends(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_body, "FIRST_S", 0.2)
    reader, _ = await sent(connect, HEAD % 100, b"half")

    status, head = await status_of(reader)
    assert (status, b"connection: close" in head) == (408, True)
    async with asyncio.timeout(30):
        assert b"body_timeout" in await reader.read()


async def test_a_body_below_the_least_rate_is_a_408(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_body, "FIRST_S", 0.2)
    monkeypatch.setattr(request_body, "BYTES_PER_S", 1_000_000)
    reader, writer = await sent(connect, HEAD % 1_000)
    answered = asyncio.create_task(status_of(reader))
    with contextlib.suppress(ConnectionError):
        while not answered.done():
            writer.write(b"x")
            await asyncio.wait([answered], timeout=0.05)

    assert (await answered)[0] == 408


async def test_an_address_has_only_so_many_slow_bodies_and_gets_them_back(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_body, "SLOW_AFTER_S", 0.05)
    monkeypatch.setattr(request_body, "SLOW_PER_ADDRESS", 2)
    connections = [await sent(connect, HEAD % 100, b"half") for _ in range(3)]
    waiting = {asyncio.create_task(status_of(reader)): writer for reader, writer in connections}

    refused, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    assert [task.result()[0] for task in refused] == [429]
    for task, writer in waiting.items():
        if task not in refused:
            writer.write(b"x" * 96)
            assert (await task)[0] == 200

    again = [await sent(connect, HEAD % 100, b"half") for _ in range(2)]
    for _, writer in again:
        writer.write(b"x" * 96)
    assert [(await status_of(reader))[0] for reader, _ in again] == [200, 200]


async def test_all_addresses_together_have_only_so_many(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_body, "SLOW_AFTER_S", 0.05)
    monkeypatch.setattr(request_body, "SLOW_IN_ALL", 0)
    reader, _ = await sent(connect, HEAD % 100, b"half")

    status, head = await status_of(reader)
    assert (status, b"retry-after: 10" in head) == (503, True)


@pytest.mark.parametrize("length", [100_001, 10**30])
async def test_a_body_declared_too_large_is_refused_before_it_is_sent(
    connect: Connect, length: int
) -> None:
    reader, _ = await sent(connect, HEAD % length)

    status, _ = await status_of(reader)
    assert status in {400, 413}  # the server itself refuses a length beyond 64 bits


async def test_a_client_that_goes_on_sending_too_much_still_reads_why(connect: Connect) -> None:
    reader, writer = await sent(connect, HEAD % 5_000_000)
    writer.write(b"x" * 5_000_000)

    assert (await status_of(reader))[0] == 413
