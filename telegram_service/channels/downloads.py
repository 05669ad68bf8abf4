"""Downloads of the files people send, which end at a limit."""

from collections.abc import AsyncIterator
from typing import Protocol

from shared.errors import TooLarge


class StreamedResponse(Protocol):
    """A response whose body is read piece by piece: of httpx, or of httpx2."""

    def aiter_bytes(self) -> AsyncIterator[bytes]:
        """Yield the body."""
        ...


async def read_within(response: StreamedResponse, max_bytes: int) -> bytes:
    """Return a response's body. Raises TooLarge as soon as it is larger than `max_bytes`.

    The libraries would read it into memory whole first, whatever its size.
    """
    content = bytearray()
    async for piece in response.aiter_bytes():
        content += piece
        if len(content) > max_bytes:
            raise TooLarge("received")
    return bytes(content)
