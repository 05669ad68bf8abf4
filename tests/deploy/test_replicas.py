"""Two real ai_core behind nginx: one may die, or be replaced, and no repeatable request fails.

A connection that nginx closed while it was idle, or an answer broken off after its first bytes, is
sent again on a new connection (RFC 9112, 9.3.1; RFC 9110, 9.2.2), as HTTP clients do.
"""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, suppress

import httpx2
import pytest

from deploy.local.redis_server import RedisServer
from tests.deploy.edge_server import EdgeServer, edge, server_line
from tests.load.bench import Server, make_key, serving

pytestmark = [pytest.mark.needs("nginx"), pytest.mark.slow]

CLIENTS = 12
ROOMY = {"NGINX_AI_RATE": "100000r/s", "NGINX_AI_BURST": "100000", "NGINX_CONNECTIONS": "1000"}


class Crowd:
    """Clients that ask by GET and by POST with an Idempotency-Key."""

    def __init__(self, edge_server: EdgeServer, key: str) -> None:
        self.outcomes: Counter[str] = Counter()
        self.answered = 0
        self._edge_server = edge_server
        self._key = key
        self._over = asyncio.Event()

    async def ask(self, client: httpx2.AsyncClient, number: int) -> httpx2.Response:
        """Ask: every second one by GET."""
        for _ in range(2):
            with suppress(httpx2.RemoteProtocolError, httpx2.ReadError):
                return await self._once(client, number)
        return await self._once(client, number)

    async def _once(self, client: httpx2.AsyncClient, number: int) -> httpx2.Response:
        if number % 2:
            return await client.get("/api/v1/search", params={"q": f"préavis {number}"})
        body = {"prompt": f"Quel préavis, question {number} ?"}
        headers = {"Idempotency-Key": f"crowd-{number}"}
        return await client.post("/api/v1/generate", json=body, headers=headers)

    async def member(self, first: int) -> None:
        """Ask until told that it is over."""
        async with self._edge_server.client() as client:
            client.headers["X-API-Key"] = self._key
            client.timeout = httpx2.Timeout(20)
            number = first
            while not self._over.is_set():
                try:
                    told = await self.ask(client, number)
                except httpx2.TransportError as error:
                    self.outcomes[type(error).__name__] += 1
                else:
                    self.outcomes[str(told.status_code)] += 1
                self.answered += 1
                number += CLIENTS + 1

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[None]:
        """Ask while the block lasts, and wait for the last answers."""
        members = [asyncio.create_task(self.member(first)) for first in range(CLIENTS)]
        try:
            yield
        finally:
            self._over.set()
            await asyncio.gather(*members)

    async def more(self, count: int) -> None:
        """Wait until that many more requests are answered."""
        wanted, give_up_s = self.answered + count, time.monotonic() + 30
        while self.answered < wanted:
            assert time.monotonic() < give_up_s, self.outcomes
            await asyncio.sleep(0.01)


@pytest.fixture
def replica(own_redis: RedisServer) -> Iterator[Callable[[], Server]]:
    """What starts one more ai_core."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(serving(own_redis.url))


async def end(process: Server, number: signal.Signals) -> None:
    """Send a signal, and wait until nobody listens on the port any more."""
    os.kill(process.pid, number)
    with suppress(OSError):
        while True:
            _, writer = await asyncio.open_connection("127.0.0.1", process.port)
            writer.close()
            await asyncio.sleep(0.02)


@pytest.mark.slow(10)
async def test_one_of_two_replicas_is_killed_under_load_and_no_repeatable_request_fails(
    own_redis: RedisServer, replica: Callable[[], Server]
) -> None:
    one, other = replica(), replica()
    servers = server_line(f"127.0.0.1:{one.port}", f"127.0.0.1:{other.port}")
    with edge(NGINX_AI_SERVERS=servers, **ROOMY) as edge_server:
        crowd = Crowd(edge_server, make_key_now(own_redis))
        async with crowd.asking():
            await crowd.more(150)
            os.kill(one.pid, signal.SIGKILL)
            await crowd.more(300)

        assert crowd.outcomes == {"200": crowd.answered}
        log = "".join(edge_server.log_lines(crowd.answered))
    assert '"upstream_status":"502, 200"' in log


@pytest.mark.slow(11)
async def test_both_replicas_are_replaced_one_by_one_under_load_and_no_request_fails(
    own_redis: RedisServer, replica: Callable[[], Server]
) -> None:
    old, new = [replica(), replica()], [replica(), replica()]
    servers = {
        name: server_line(*(f"127.0.0.1:{process.port}" for process in processes))
        for name, processes in {"old": old, "new": new}.items()
    }
    with edge(NGINX_AI_SERVERS=servers["old"], **ROOMY) as edge_server:
        crowd = Crowd(edge_server, make_key_now(own_redis))
        async with crowd.asking():
            await crowd.more(100)
            edge_server.nginx.set(NGINX_AI_SERVERS=servers["new"])
            edge_server.nginx.reload()
            await crowd.more(200)
            for process in old:
                await end(process, signal.SIGTERM)
            await crowd.more(100)
            edge_server.nginx.set(NGINX_AI_SERVERS=server_line(f"127.0.0.1:{new[0].port}"))
            edge_server.nginx.reload()
            await crowd.more(100)

    assert crowd.outcomes == {"200": crowd.answered}


def make_key_now(redis: RedisServer) -> str:
    """Return the secret of a key without narrow limits, made in a loop of its own."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(make_key, redis.url).result().secret
