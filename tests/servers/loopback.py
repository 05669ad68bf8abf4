"""Serves an ASGI application on a free loopback port, in the test's own event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp

END_S = 0.2
POLL_S = 0.005


class LoopbackServer(uvicorn.Server):
    """Uvicorn without its rests of a tenth of a second when it ends.

    Three to five of them are in the end of each test that has three servers, hundreds of tests.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ending = asyncio.Event()

    async def main_loop(self) -> None:
        """Write the date of each second, as uvicorn does, until the end."""
        while not (await self.on_tick(0) or self.ending.is_set()):
            try:
                async with asyncio.timeout(1):
                    await self.ending.wait()
            except TimeoutError:
                continue

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Hang up on everybody; cancel what still answers after END_S."""
        state = self.server_state
        for each in self.servers:
            each.close()
        for connection in list(state.connections):
            connection.shutdown()
        try:
            async with asyncio.timeout(END_S):
                while state.connections or state.tasks:  # noqa: ASYNC110 - uvicorn has no event
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            for task in state.tasks:
                task.cancel()
        await self.lifespan.shutdown()


@asynccontextmanager
async def served(app: ASGIApp, *, lifespan: bool = False, **tls: Any) -> AsyncIterator[str]:
    """Yield the address once it answers; hang up on everybody at the end.

    `tls` is uvicorn's `ssl_…`; without it, plain HTTP.
    """
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        config = uvicorn.Config(
            app, log_config=None, access_log=False, lifespan="on" if lifespan else "off", **tls
        )
        server = LoopbackServer(config)
        task = asyncio.create_task(server.serve([listening]))
        try:
            yield f"{'https' if tls else 'http'}://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.ending.set()
            await task
