"""Notifications, over a real Redis and without one."""

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.local.ports import free_port
from mail_service.ledger.notifications import WorkNotifier
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
    async with asyncio.timeout(30):
        await server.wait()


async def one_wakes_the_other(sender: WorkNotifier, receiver: WorkNotifier) -> bool:
    """Notify until the other one is woken, while the server starts and both connect."""
    for _ in range(50):
        await sender.notify()
        started = time.monotonic()
        await receiver.wait(0.2)
        if time.monotonic() - started < 0.15:
            return True
    return False


@pytest.mark.slow
@pytest.mark.needs("redis-server")
async def test_one_process_wakes_another_through_redis(redis_url: str) -> None:
    async with WorkNotifier(redis_url) as sender, WorkNotifier(redis_url) as receiver:
        assert await one_wakes_the_other(sender, receiver)


@pytest.mark.needs("redis-server")
async def test_one_process_wakes_another_through_two_nodes_of_a_cluster(
    cluster: RedisCluster,
) -> None:
    async with (
        WorkNotifier(cluster.nodes[0].url) as sender,
        WorkNotifier(cluster.nodes[4].url) as receiver,
    ):
        assert await one_wakes_the_other(sender, receiver)


async def test_without_redis_a_process_still_wakes_itself() -> None:
    async with WorkNotifier(f"redis://127.0.0.1:{free_port()}/0") as notifier:
        await notifier.notify()
        started = time.monotonic()
        await notifier.wait(5)
        assert time.monotonic() - started < 1
