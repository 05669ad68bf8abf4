"""A server that leaves answers who has just connected, and keeps nobody who says nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from ai_core.api import http_protocol
from ai_core.serving import configuration
from ai_core.settings import ServerSettings, Settings
from deploy.local.ports import free_port
from tests.mail_service.polling import becomes

PATIENCE_S = 30.0
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


@asynccontextmanager
async def leaving_server() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect to a server, which then begins to end; yield the connection."""
    settings = Settings(server=ServerSettings(host="127.0.0.1", port=free_port()))
    config = configuration(settings, app=hello)
    config.lifespan = "off"
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    assert await becomes(lambda: server.started, PATIENCE_S)
    reader, writer = await asyncio.open_connection("127.0.0.1", settings.server.port)
    assert await becomes(lambda: bool(server.server_state.connections), PATIENCE_S)
    server.should_exit = True
    assert await becomes(lambda: not server.servers[0].is_serving(), PATIENCE_S)
    yield reader, writer
    writer.close()
    await asyncio.wait_for(serving, PATIENCE_S)


async def test_the_first_request_on_a_new_connection_is_answered() -> None:
    async with leaving_server() as (reader, writer):
        writer.write(REQUEST)
        told = await asyncio.wait_for(reader.read(), PATIENCE_S)  # to its end: it is closed then
        assert told.startswith(b"HTTP/1.1 200")
        assert told.endswith(b"hello\r\n0\r\n\r\n")


async def test_a_connection_without_a_request_ends(monkeypatch: Any) -> None:
    monkeypatch.setattr(http_protocol, "FIRST_REQUEST_S", 0.05)
    async with leaving_server() as (reader, _):
        assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
