"""kill -9 at eight points of the processing of a mail: nothing lost, nothing sent twice."""

import asyncio
from pathlib import Path

import pytest

from deploy.demos.smtp_relay import relay
from mail_service.ledger.ledger import Ledger
from mail_service.settings import ImapSettings
from shared.ai.scripted import ScriptedAi
from tests.mail_service.crashes import crash_through, environment
from tests.mail_service.crashing_worker import POINTS
from tests.servers.loopback import served

pytestmark = pytest.mark.slow


@pytest.mark.slow(20)
@pytest.mark.needs("dovecot")
async def test_no_mail_is_lost_or_sent_twice_by_crashes(
    imap: ImapSettings, ledger: Ledger, database_url: str, tmp_path: Path
) -> None:
    async with served(ScriptedAi().app) as ai_url, relay() as sink:
        settings = await asyncio.to_thread(
            environment, tmp_path, imap, sink.port, database_url, ai_url
        )
        report = await crash_through(list(POINTS), settings, imap, sink, ledger, per_crash=1)
    assert report.kills == len(POINTS)
    assert (report.lost, report.twice, report.twice_with_another_id) == (0, 0, 0)
    assert report.doubtful <= 1
