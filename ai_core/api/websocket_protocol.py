"""uvicorn's WebSocket protocol, with bounds on what a client can make it hold.

uvicorn reads no further while a message waits for the app, and waits before it writes to a client
that does not read. What it leaves open is closed here: fragments without end, pings by a client
that reads no pongs, and connections that a client keeps open after the app is done with them.
"""

import logging
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

log = logging.getLogger(__name__)
log.setLevel(logging.WARNING)  # uvicorn's lines below name the client's address
MOST_FRAGMENTS = 64
"""Of one message; browsers send one, and an empty one costs a client nothing."""
LINGER_S = 10.0


class BoundedWebSocketProtocol(WebSocketsSansIOProtocol):
    """One WebSocket connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = log

    def handle_cont(self, event: Frame) -> None:
        """Take a fragment; hang up on a message of too many."""
        if len(self.frames) >= MOST_FRAGMENTS:
            self.transport.abort()
            return
        super().handle_cont(event)

    def handle_ping(self) -> None:
        """Answer a ping; hang up on a client that reads no pongs."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.transport.abort()

    async def run_asgi(self) -> None:
        """Serve the connection; hang up LINGER_S after the app is done with it."""
        await super().run_asgi()
        if not self.disconnected:
            self.loop.call_later(LINGER_S, self.transport.abort)
