"""WhatsApp: nothing lost, nothing twice, nothing out of order, with workers that die.

Statuses are late here, so that a worker that takes over has to wait for them.
"""

from pathlib import Path

import pytest

from tests.telegram_service.channels.whatsapp.whatsapp_deployment import deployed_on_whatsapp

PEOPLE = range(1, 7)


@pytest.mark.slow(20)
async def test_workers_that_are_killed_lose_and_double_nothing(
    redis_url: str, database_url: str, key_file: Path, tmp_path: Path
) -> None:
    async with deployed_on_whatsapp(redis_url, database_url, key_file, tmp_path) as deployment:
        deployment.ai.script.pause_s = 0.05
        deployment.api.latency_s = 0.05
        deployment.api.account.status_delay_s = 0.4
        deployment.api.delivery.twice = 0.1
        observed, statistics = await deployment.survive(PEOPLE, 4, kills=2, timeout_s=120)
    assert (observed.asked, observed.lost, observed.duplicates) == (24, 0, 0)
    assert (observed.disordered, statistics.lost) == (0, 0)
    assert statistics.counts["duplicates"] == deployment.api.delivery.repeated_messages
