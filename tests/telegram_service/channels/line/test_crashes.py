"""LINE: nothing lost, nothing twice, nothing out of order, with workers that die.

LINE is slow to respond here, so that workers die between a call and its response: in private and
in groups, by reply tokens and, where those are too old, by pushes.
"""

from pathlib import Path

import pytest

from tests.telegram_service.channels.line.line_deployment import deployed_on_line

CHATS = [1, 2, 3, 4, -5, -6, -7, -8]


@pytest.mark.slow(12)
async def test_workers_that_are_killed_lose_and_double_nothing(
    redis_url: str, database_url: str, key_file: Path, tmp_path: Path
) -> None:
    async with deployed_on_line(redis_url, database_url, key_file, tmp_path) as deployment:
        account, delivery = deployment.api.account, deployment.api.delivery
        deployment.ai.script.pause_s = deployment.api.latency_s = 0.05
        delivery.twice, delivery.together = 0.1, 3
        observed, statistics = await deployment.survive(CHATS, 5, kills=3, timeout_s=60)
    assert (observed.asked, observed.lost, observed.duplicates) == (40, 0, 0)
    assert (observed.disordered, statistics.lost) == (0, 0)
    assert statistics.counts["duplicates"] == delivery.repeated
    assert statistics.counts.get("resent_blindly", 0) == 0
    ways = {message["via"] for name in account.messages for message in account.written(name)}
    assert "reply" in ways
