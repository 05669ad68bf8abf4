"""A load over real connections, in a process of its own: `python -m tests.load.generator`.

Each connection sends a request, reads the answer whole, sends the next one (closed loop). With
`--rate` requests are due at that rate, on whichever connection is free, and their latency counts
from then (an open loop, as long as there are connections enough). Written
on asyncio.Protocol because the load shares two cores with what it measures: it must cost little.
"""

import argparse
import asyncio
import json
import resource
import ssl
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, cycle, repeat
from pathlib import Path

import httptools
import uvloop


@dataclass
class Tally:
    """What came back."""

    latencies_s: list[float] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)

    def report(self, elapsed_s: float) -> dict[str, object]:
        """Return the figures."""
        ordered = sorted(self.latencies_s)
        total = len(ordered)

        def quantile_ms(part: float) -> float | None:
            return round(ordered[min(total - 1, int(total * part))] * 1000, 2) if total else None

        return {
            "requests": total,
            "requests_per_s": round(total / elapsed_s, 1),
            "p50_ms": quantile_ms(0.50),
            "p95_ms": quantile_ms(0.95),
            "p99_ms": quantile_ms(0.99),
            "outcomes": dict(self.outcomes),
        }


class Connection(asyncio.Protocol):
    """One client. httptools calls the `on_…` methods."""

    def __init__(
        self,
        requests: Iterator[bytes],
        tally: Tally,
        remaining: list[int],
        until_s: float,
        moments: Iterator[float] | None = None,
    ) -> None:
        """`moments` are when requests are due, over all connections; None: after each answer."""
        self._requests = requests
        self._tally = tally
        self._remaining = remaining
        self._until_s = until_s
        self._moments = moments
        self._parser = httptools.HttpResponseParser(self)
        self._sent_s = 0.0
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        """Read."""
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Count an answer and ask again."""
        self._tally.latencies_s.append(time.perf_counter() - self._sent_s)
        self._tally.outcomes[str(self._parser.get_status_code())] += 1
        self._parser = httptools.HttpResponseParser(self)
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count a broken connection."""
        if not self.finished.done():
            self._tally.outcomes["broken"] += 1
            self.finished.set_result(None)

    def _send(self) -> None:
        self._sent_s = time.perf_counter() if self._moments is None else next(self._moments)
        if self._remaining[0] <= 0 or self._sent_s > self._until_s:
            self.finished.set_result(None)
            self._transport.close()
            return
        self._remaining[0] -= 1
        early_s = self._sent_s - time.perf_counter()
        if early_s > 0:
            asyncio.get_running_loop().call_later(early_s, self._write)
        else:
            self._write()

    def _write(self) -> None:
        self._transport.write(next(self._requests))  # type: ignore[attr-defined]  # a write transport


def requests_of(arguments: argparse.Namespace) -> Iterator[bytes]:
    """Yield requests.

    In the body `{number}` becomes another number each time, `{question}` the next line of a file.
    """
    head = (
        f"POST {arguments.path} HTTP/1.1\r\nHost: {arguments.tls_name or '127.0.0.1'}\r\n"
        f"X-API-Key: {arguments.key}\r\nContent-Type: application/json\r\n"
    )
    if arguments.idempotent:
        head += f"Idempotency-Key: {time.time_ns()}-{{number}}\r\n"
    head += "Content-Length: "
    lines = (
        arguments.questions.read_text(encoding="utf-8").splitlines()
        if arguments.questions
        else [""]
    )
    questions = cycle(json.dumps(line, ensure_ascii=False)[1:-1] for line in lines)
    if "{number}" not in arguments.body:
        body = arguments.body.encode()
        yield from repeat(f"{head}{len(body)}\r\n\r\n".encode() + body)
    for number in count():
        text = arguments.body.replace("{number}", str(number))
        body = text.replace("{question}", next(questions)).encode()
        this = head.replace("{number}", str(number))
        yield f"{this}{len(body)}\r\n\r\n".encode() + body


async def put_load(arguments: argparse.Namespace) -> dict[str, object]:
    """Ask until the requests or the seconds are used up."""
    tally, remaining = Tally(), [arguments.requests]
    requests = requests_of(arguments)
    loop = asyncio.get_running_loop()
    started_s = time.perf_counter()
    until_s = started_s + arguments.seconds
    rate = arguments.rate
    moments = (started_s + number / rate for number in count()) if rate else None
    secured = ssl.create_default_context(cafile=arguments.tls_ca) if arguments.tls_ca else None

    async def client() -> None:
        try:
            _, connection = await loop.create_connection(
                lambda: Connection(requests, tally, remaining, until_s, moments),
                "127.0.0.1",
                arguments.port,
                ssl=secured,
                server_hostname=arguments.tls_name or None,
            )
        except OSError as error:
            tally.outcomes[type(error).__name__] += 1
            return
        try:
            async with asyncio.timeout(arguments.seconds + 10):
                await connection.finished
        except TimeoutError:
            tally.outcomes["no answer"] += 1

    await asyncio.gather(*(client() for _ in range(arguments.clients)))
    used = resource.getrusage(resource.RUSAGE_SELF)
    return tally.report(time.perf_counter() - started_s) | {"cpu_s": used.ru_utime + used.ru_stime}


def main() -> int:
    """Print the figures as one JSON object."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", default="/api/v1/generate")
    parser.add_argument("--key", required=True)
    parser.add_argument("--body", required=True)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--requests", type=int, default=10**9)
    parser.add_argument(
        "--rate", type=float, default=0.0, help="requests/s, due whatever comes back"
    )
    parser.add_argument("--questions", type=Path, help="a question a line, for {question}")
    parser.add_argument("--tls-ca", help="speak TLS, and believe this authority")
    parser.add_argument("--tls-name", help="the host name asked for")
    parser.add_argument("--idempotent", help="give each request an Idempotency-Key")
    print(json.dumps(uvloop.run(put_load(parser.parse_args()))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
