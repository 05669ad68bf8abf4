"""The bell, over a real Redis and without one."""

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.local.ports import free_port
from mail_service.ledger.notifications import Wake
from tests.servers.redis_cluster import RedisCluster


@pytest.fixture
async def redis_url(tmp_path: Path) -> AsyncIterator[str]:
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    server = await asyncio.create_subprocess_exec(
        *command, "--dir", str(tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    yield f"redis://127.0.0.1:{port}/0"
    server.terminate()
    await server.wait()


async def one_wakes_the_other(rings: Wake, sleeps: Wake) -> bool:
    """Ring until the other one hears it, while the server starts and both connect."""
    for _ in range(50):
        await rings.ring()
        started = time.monotonic()
        await sleeps.wait(0.2)
        if time.monotonic() - started < 0.15:
            return True
    return False


@pytest.mark.needs("redis-server")
async def test_one_process_wakes_another_through_redis(redis_url: str) -> None:
    async with Wake(redis_url) as rings, Wake(redis_url) as sleeps:
        assert await one_wakes_the_other(rings, sleeps)


@pytest.mark.needs("redis-server")
async def test_one_process_wakes_another_through_two_nodes_of_a_cluster(
    cluster: RedisCluster,
) -> None:
    async with Wake(cluster.nodes[0].url) as rings, Wake(cluster.nodes[4].url) as sleeps:
        assert await one_wakes_the_other(rings, sleeps)


async def test_without_redis_a_process_still_wakes_itself() -> None:
    async with Wake(f"redis://127.0.0.1:{free_port()}/0") as wake:
        await wake.ring()
        started = time.monotonic()
        await wake.wait(5)
        assert time.monotonic() - started < 1
