"""Load for the webhook: raw HTTP/1.1 over kept connections, so that the generator costs little."""

import asyncio
import itertools
import statistics
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import orjson

from tests.telegram_service.running_app import SECRET

CHATS = 500


class Load:
    """Sends fresh updates to one address."""

    def __init__(self, url: str) -> None:
        self._host, self._port = urlsplit(url).hostname, urlsplit(url).port
        self._numbers: Iterator[int] = itertools.count(1)

    async def closed(self, connections: int, seconds: float) -> dict[str, Any]:
        """Keep `connections` busy: each sends its next update when the last is answered."""
        waits: list[float] = []
        until = time.monotonic() + seconds

        async def one() -> None:
            line = await asyncio.open_connection(self._host, self._port)
            while time.monotonic() < until:
                waits.append(await self._send(line))
            line[1].close()

        await asyncio.gather(*(one() for _ in range(connections)))
        return {"updates_per_s": round(len(waits) / seconds), **spread(waits)}

    async def opened(self, rate: int, seconds: float) -> dict[str, Any]:
        """Send at a steady rate, whatever the answers do; waits include the wait for a line."""
        lines: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        for _ in range(40):
            lines.put_nowait(await asyncio.open_connection(self._host, self._port))
        waits: list[float] = []

        async def one(due: float) -> None:
            line = await lines.get()
            await self._send(line)
            waits.append(time.monotonic() - due)
            lines.put_nowait(line)

        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(int(rate * seconds)):
                due = began + number / rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                group.create_task(one(due))
        return {"updates_per_s": rate, **spread(waits)}

    async def _send(self, line: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> float:
        number = next(self._numbers)
        chat = {"id": 10 + number % CHATS, "type": "private"}
        message = {"message_id": number, "date": 0, "chat": chat, "text": "Quel est mon préavis ?"}
        body = orjson.dumps({"update_id": number, "message": message})
        head = (
            "POST /telegram/webhook HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
            f"X-Telegram-Bot-Api-Secret-Token: {SECRET}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        began = time.monotonic()
        line[1].write(head.encode() + body)
        status = await line[0].readline()
        assert b" 200 " in status, status
        length = 0
        while (header := await line[0].readline()) != b"\r\n":
            name, _, value = header.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        await line[0].readexactly(length)
        return time.monotonic() - began


def spread(waits: list[float]) -> dict[str, float]:
    """Return percentiles in ms."""
    cuts = statistics.quantiles(waits, n=100)
    return {f"p{which}_ms": round(cuts[which - 1] * 1000, 1) for which in (50, 95, 99)}
