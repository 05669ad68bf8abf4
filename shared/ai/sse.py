"""Reads a stream of server-sent events (HTML standard, 9.2.6)."""

from collections.abc import AsyncIterator

import httpx2


async def server_sent_events(response: httpx2.Response) -> AsyncIterator[tuple[str, str]]:
    """Yield (event, data) of each event; `event` is empty where none is named."""
    event = ""
    data: list[str] = []
    async for line in response.aiter_lines():
        if not line:
            if data:
                yield event, "\n".join(data)
            event, data = "", []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            event = value
        elif name == "data":
            data.append(value)
