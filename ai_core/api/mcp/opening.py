"""The MCP server, opened by the first message: importing the SDK takes more than half a second."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING

from starlette.types import Receive, Scope, Send

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager


class McpServer:
    """Answers the messages of `/mcp`; `run` opens the SDK's server once there is one."""

    def __init__(self) -> None:
        self._wanted = asyncio.Event()
        self._opened: asyncio.Future[StreamableHTTPSessionManager] = asyncio.Future()

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, which ends with its client's connection."""
        self._wanted.set()
        manager = await asyncio.shield(self._opened)
        await manager.handle_request(scope, receive, send)

    async def run(self) -> None:
        """Open the server when it is wanted, and keep it until this is cancelled."""
        await self._wanted.wait()
        try:
            module = await asyncio.to_thread(import_module, "ai_core.api.mcp.server")
            async with module.running_manager() as manager:
                self._opened.set_result(manager)
                await asyncio.Event().wait()
        except Exception as error:
            if not self._opened.done():
                self._opened.set_exception(error)
            raise


@asynccontextmanager
async def open_mcp_server() -> AsyncIterator[McpServer]:
    """Open the server; requests under way end when it is closed."""
    server = McpServer()
    running = asyncio.create_task(server.run(), name="serve MCP")
    try:
        yield server
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
