"""Redis killed or frozen under load: answers go on, nothing is a 500, and the cache comes back."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from deploy.local.redis_server import RedisServer

QUESTION = {"prompt": "Quelle est la durée du préavis en cas de démission ?"}
RECOVERY_S = 2.0


class Load:
    """Asks the same question over and over, and remembers what came back and when."""

    def __init__(self, house: Any) -> None:
        self._house = house
        self._stopping = False
        self.statuses: Counter[int] = Counter()
        self.last_cached_s = 0.0

    async def ask(self) -> None:
        while not self._stopping:
            reply = await self._house.client.post(
                "/api/v1/generate", json=QUESTION, headers=self._house.bearing()
            )
            self.statuses[reply.status_code] += 1
            if reply.json().get("cached"):
                self.last_cached_s = time.monotonic()

    def stop(self) -> None:
        self._stopping = True


@pytest.mark.parametrize("fault", [RedisServer.kill, RedisServer.freeze])
async def test_answers_go_on_without_redis_and_are_cached_again_when_it_is_back(
    house_with: Any, own_redis: RedisServer, fault: Callable[[RedisServer], None]
) -> None:
    async with house_with(redis=own_redis) as house, asyncio.TaskGroup() as group:
        load = Load(house)
        for _ in range(4):
            group.create_task(load.ask())
        await asyncio.sleep(0.2)
        await asyncio.to_thread(fault, own_redis)
        lost_s = time.monotonic()
        await asyncio.sleep(1.6)  # longer than a command may take: the freeze has been noticed
        during = load.statuses.total()
        assert load.last_cached_s <= lost_s + 0.1

        if fault is RedisServer.kill:
            await asyncio.to_thread(own_redis.start)
        own_redis.thaw()
        back_s = time.monotonic()
        await asyncio.sleep(RECOVERY_S)
        load.stop()

    assert set(load.statuses) == {200}
    assert load.statuses.total() > during > 10
    assert load.last_cached_s > back_s
