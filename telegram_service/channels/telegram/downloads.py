"""Downloads of the files people send to the bot."""

import httpx

from telegram_service.channels.downloads import read_within
from telegram_service.errors import ChannelLost, ChannelRefused

TIMEOUT_S = 15.0
CONNECT_TIMEOUT_S = 5.0


def new_file_client() -> httpx.AsyncClient:
    """Return the client that downloads files. It reads certificates: not in the event loop."""
    return httpx.AsyncClient(timeout=httpx.Timeout(TIMEOUT_S, connect=CONNECT_TIMEOUT_S))


async def fetch(files: httpx.AsyncClient, url: str, max_bytes: int) -> bytes:
    """Return what an address of the Bot API holds. Raises TooLarge, ChannelLost, ChannelRefused."""
    try:
        async with files.stream("GET", url) as response:
            if response.is_error:
                raise ChannelRefused(f"file: {response.status_code}")
            return await read_within(response, max_bytes)
    except httpx.HTTPError as error:
        raise ChannelLost(type(error).__name__, sent=False) from error
