"""Kills the worker again and again while mails arrive, then counts the outcomes."""

import asyncio
import os
import random
import sys
from asyncio.subprocess import DEVNULL, Process
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.demos.smtp_relay import RecordingRelay
from mail_service.ledger.ledger import Ledger
from mail_service.mailboxes.imap import ImapMailbox
from mail_service.settings import ImapSettings
from shared.privacy.encryption import new_key_file
from tests.mail_service.mails import US, raw_mail

ROOT = Path(__file__).resolve().parents[2]
CRASH_TIMEOUT_S = 30.0
ONCE_PER_BATCH = {"fetched", "marked"}
LOOK_EVERY_S = 0.3
LOOKS = 300


@dataclass(frozen=True)
class CrashReport:
    """The outcomes of the mails that arrived between crashes."""

    kills: int
    mails: int
    lost: int
    doubtful: int
    """Mails whose delivery is unknown and waits for a person: accounted for, not lost."""
    twice: int
    twice_with_another_id: int


def environment(
    folder: Path, imap: ImapSettings, smtp_port: int, postgres_url: str, ai_url: str
) -> dict[str, str]:
    """Return the settings of a worker."""
    key_file = folder / "vault"
    if not key_file.exists():
        key_file.write_text(new_key_file(), encoding="ascii")
    return {
        **os.environ,
        "MAIL_ADDRESS": US,
        "MAIL_MODE": "automatic",
        "MAIL_LOG_LEVEL": "critical",
        "MAIL_IMAP__HOST": imap.host,
        "MAIL_IMAP__PORT": str(imap.port),
        "MAIL_IMAP__TLS": "false",
        "MAIL_IMAP__USER": imap.user,
        "MAIL_IMAP__PASSWORD": imap.password.get_secret_value(),
        "MAIL_IMAP__POLL_S": "1",
        "MAIL_IMAP__SENT_FOLDER": "",
        "MAIL_SMTP__HOST": "127.0.0.1",
        "MAIL_SMTP__PORT": str(smtp_port),
        "MAIL_SMTP__TLS": "none",
        "MAIL_SMTP__TIMEOUT_S": "1",
        "MAIL_AI__URL": ai_url,
        "MAIL_AI__API_KEY": "key",
        "MAIL_POSTGRES__URL": postgres_url,
        "MAIL_REDIS__URL": "redis://127.0.0.1:1/0",
        "MAIL_VAULT__KEY_FILE": str(key_file),
        "MAIL_WORKER__LEASE_S": "2",
        "MAIL_WORKER__READERS": "1",
        "MAIL_WORKER__SENDERS": "1",
        "MAIL_QUOTAS__EVERYONE_MINUTE": "100000",
        "MAIL_QUOTAS__EVERYONE_HOUR": "100000",
    }


async def worker(settings: dict[str, str], point: str = "", passage: int = 1) -> Process:
    """Start a worker that crashes at `point`, or one that does not."""
    crash = {"CRASH_AT": point, "CRASH_PASSAGE": str(passage)} if point else {}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.mail_service.crashing_worker",
        env={**settings, **crash}, cwd=ROOT, stdout=DEVNULL, stderr=DEVNULL,
    )  # fmt: skip


async def crash_through(
    points: Sequence[str],
    settings: dict[str, str],
    imap: ImapSettings,
    relay: RecordingRelay,
    ledger: Ledger,
    per_crash: int = 2,
) -> CrashReport:
    """Append `per_crash` mails before each crash, then let a worker finish."""
    client = ImapMailbox(imap)
    await client.connect()
    kills = mails = 0
    for point in points:
        for _ in range(per_crash):
            mails += 1
            await client.append("INBOX", _mail(mails))
        passage = 1 if point in ONCE_PER_BATCH else random.randint(1, per_crash)  # noqa: S311
        process = await worker(settings, point, passage)
        try:
            async with asyncio.timeout(CRASH_TIMEOUT_S):
                await process.wait()
            kills += 1
        except TimeoutError:
            process.kill()
            await process.wait()
    await client.close()
    return await _count(settings, relay, ledger, kills, mails)


def _mail(number: int) -> bytes:
    return raw_mail(
        f"Bonjour, question numéro {number} : quelle est la durée du préavis ?",
        sender=f"personne{number}@p{number}.example",
        message_id=f"<{number}@crash.example>",
    )


async def _count(
    settings: dict[str, str], relay: RecordingRelay, ledger: Ledger, kills: int, mails: int
) -> CrashReport:
    process = await worker(settings)
    for _ in range(LOOKS):
        if await _settled(ledger, mails):
            break
        await asyncio.sleep(LOOK_EVERY_S)
    process.terminate()
    async with asyncio.timeout(CRASH_TIMEOUT_S):
        await process.wait()
    counts = await ledger.mails.counts()
    answers = Counter(str(one.mail["In-Reply-To"]) for one in relay.received)
    ids = {str(one.mail["Message-ID"]) for one in relay.received}
    doubtful = counts.get("reply_unknown", 0)
    accounted = counts.get("reply_sent", 0) + doubtful + counts.get("reply_failed", 0)
    return CrashReport(
        kills=kills,
        mails=mails,
        lost=mails - accounted,
        doubtful=doubtful,
        twice=sum(number > 1 for number in answers.values()),
        twice_with_another_id=len(ids) - len(answers),
    )


async def _settled(ledger: Ledger, mails: int) -> bool:
    counts = await ledger.mails.counts()
    ended = ("reply_sent", "reply_unknown", "reply_failed")
    return sum(counts.get(name, 0) for name in ended) >= mails
