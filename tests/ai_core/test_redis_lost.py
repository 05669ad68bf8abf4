"""Redis killed or frozen under load: answers go on, nothing is a 500, and the cache comes back."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from deploy.local.redis_server import RedisServer

pytestmark = pytest.mark.slow

QUESTION = {"prompt": "Quelle est la durée du préavis en cas de démission ?"}
RECOVERY_S = 2.0


class Load:
    """Asks the same question over and over, and remembers what came back and when."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._stopping = False
        self.statuses: Counter[int] = Counter()
        self.last_cached_s = 0.0

    async def ask(self) -> None:
        while not self._stopping:
            reply = await self._app.client.post(
                "/api/v1/generate", json=QUESTION, headers=self._app.key_header()
            )
            self.statuses[reply.status_code] += 1
            if reply.json().get("cached"):
                self.last_cached_s = time.monotonic()

    async def until(self, reached: Callable[[], bool], timeout_s: float) -> None:
        async with asyncio.timeout(timeout_s):
            while not reached():  # noqa: ASYNC110 - the load signals nothing
                await asyncio.sleep(0.005)

    def stop(self) -> None:
        self._stopping = True


@pytest.mark.parametrize("fault", [RedisServer.kill, RedisServer.freeze])
async def test_answers_go_on_without_redis_and_are_cached_again_when_it_is_back(
    running_app: Any, own_redis: RedisServer, fault: Callable[[RedisServer], None]
) -> None:
    async with running_app(redis=own_redis) as app, asyncio.TaskGroup() as group:
        load = Load(app)
        for _ in range(4):
            group.create_task(load.ask())
        await load.until(lambda: load.last_cached_s > 0, 10)
        await asyncio.to_thread(fault, own_redis)
        lost_s, before = time.monotonic(), load.statuses.total()
        # Each of the four may wait for Redis once: after more replies its loss is known.
        await load.until(lambda: load.statuses.total() > before + 20, 10)
        during = load.statuses.total()
        assert load.last_cached_s <= lost_s + 0.1

        if fault is RedisServer.kill:
            await asyncio.to_thread(own_redis.start)
        own_redis.thaw()
        back_s = time.monotonic()
        await load.until(lambda: load.last_cached_s > back_s, RECOVERY_S)
        load.stop()

    assert set(load.statuses) == {200}
    assert load.statuses.total() > during > 10
    assert load.last_cached_s > back_s


async def test_answers_come_without_redis_and_conversations_do_not_last(
    running_app: Any, own_redis: Any
) -> None:
    async with running_app(redis=own_redis) as app:
        body = {"messages": [{"role": "user", "content": "Que dit L1237-1 ?"}]}
        await app.client.post("/api/v1/chat", json=body, headers=app.key_header())
        own_redis.kill()

        response = await app.client.post("/api/v1/chat", json=body, headers=app.key_header())
        health = (await app.client.get("/api/v1/health")).json()
        path = f"/api/v1/conversations/{response.json()['conversation_id']}"
        erased = await app.client.delete(path, headers=app.key_header())

    assert response.status_code == 200
    assert response.json()["citations"][0]["number"] == "L1237-1"
    assert (health["status"], health["redis"]) == ("degraded", "down")
    assert erased.status_code == 503
    assert erased.headers["retry-after"]
