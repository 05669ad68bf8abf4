"""WhatsApp: nothing lost, nothing twice, nothing out of order, with workers that die.

Statuses are late here, so that a worker that takes over has to wait for them.
"""

import asyncio
import random
from pathlib import Path

import pytest

from tests.telegram_service.channels.whatsapp.whatsapp_deployment import deployed_on_whatsapp

PEOPLE = range(1, 7)


@pytest.mark.slow(20)
async def test_workers_that_are_killed_lose_and_double_nothing(
    redis_url: str, database_url: str, key_file: Path, tmp_path: Path
) -> None:
    dice = random.Random(3)  # noqa: S311 - which worker dies, reproducibly
    async with deployed_on_whatsapp(redis_url, database_url, key_file, tmp_path) as deployment:
        deployment.ai.script.pause_s = 0.05
        deployment.api.latency_s = 0.05
        deployment.api.account.status_delay_s = 0.4
        deployment.api.delivery.twice = 0.1
        await deployment.until_workers_read(2)
        for number in range(4):
            for person in PEOPLE:
                deployment.ask(person, number)
        for _ in range(2):
            await asyncio.sleep(0.4)  # so long a worker lives
            await deployment.kill(dice.choice(deployment.workers))
            deployment.start("worker")
        await deployment.settled(timeout_s=120)
        observed, statistics = deployment.observed(), await deployment.statistics()
    assert (observed.asked, observed.lost, observed.duplicates) == (24, 0, 0)
    assert (observed.disordered, statistics.lost) == (0, 0)
    assert statistics.counts["duplicates"] == deployment.api.delivery.repeated_messages
