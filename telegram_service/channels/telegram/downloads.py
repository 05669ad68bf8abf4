"""Downloads of the files people send, which end at a limit."""

import httpx

from shared.errors import TooLarge
from telegram_service.errors import ChannelLost, ChannelRefused

TIMEOUT_S = 15.0
CONNECT_TIMEOUT_S = 5.0


def new_file_client() -> httpx.AsyncClient:
    """Return the client that downloads files. It reads certificates: not in the event loop."""
    return httpx.AsyncClient(timeout=httpx.Timeout(TIMEOUT_S, connect=CONNECT_TIMEOUT_S))


async def fetch(files: httpx.AsyncClient, url: str, max_bytes: int) -> bytes:
    """Return what an address of the Bot API holds. Raises TooLarge, ChannelLost, ChannelRefused.

    python-telegram-bot would read the whole file into memory first, whatever its size.
    """
    content = bytearray()
    try:
        async with files.stream("GET", url) as response:
            if response.is_error:
                raise ChannelRefused(f"file: {response.status_code}")
            async for piece in response.aiter_bytes():
                content += piece
                if len(content) > max_bytes:
                    raise TooLarge("received")
    except httpx.HTTPError as error:
        raise ChannelLost(type(error).__name__, sent=False) from error
    return bytes(content)
