"""An HTTP server that sends prepared bytes, however wrong, on a free loopback port."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

Piece = bytes | float
"""Bytes to send, or seconds to wait before the next."""


def headed(status: str, *headers: str, body: bytes = b"") -> bytes:
    """Return the head of a response, which ends with the connection, and the body."""
    head = [f"HTTP/1.1 {status}", *headers, "Connection: close"]
    return "\r\n".join([*head, "", ""]).encode() + body


class RawServer:
    """Answers requests whose path ends with a key of `answers`; others with 404.

    `asked` are the requests as they came: head and body. `left` is set once a client hung up before
    its answer was sent whole.
    """

    def __init__(self, answers: dict[str, Sequence[Piece]]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, bytes]] = []
        self.left = asyncio.Event()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            fields = dict(
                line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line
            )
            body = await reader.readexactly(int(fields.get("content-length", 0)))
            path = head.split(" ")[1]
            self.asked.append((head, body))
            answer = next(
                (pieces for end, pieces in self.answers.items() if path.endswith(end)),
                [headed("404 Not Found")],
            )
            for piece in answer:
                if isinstance(piece, bytes):
                    writer.write(piece)
                    await writer.drain()
                else:
                    await asyncio.sleep(piece)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.left.set()
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Yield the address while it serves."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
