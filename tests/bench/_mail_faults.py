"""What mail_service does when its servers fail, and when letters come slowly or all at once.

Each measurement brings letters while something is wrong, puts it right, and counts: seconds until
every letter is in the ledger and answered, letters lost, letters answered twice.
"""

import asyncio
import statistics
import time
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from deploy.demos.smtp_relay import RecordingRelay
from deploy.local.dovecot import Dovecot
from mail_service.access_tokens import AccessTokens
from mail_service.ledger.ledger import Ledger
from mail_service.ledger.notifications import WorkNotifier
from mail_service.mailboxes.imap import ImapMailbox
from mail_service.mailboxes.monitor import Monitor
from mail_service.metrics import MailMetrics
from mail_service.settings import ImapSettings, MailboxSettings, SmtpSettings
from shared.clock import SystemClock
from tests.mail_service.mails import US, raw_mail
from tests.servers.faulty_proxy import FaultyProxy

LOOK_EVERY_S = 0.05
GIVE_UP_S = 900.0
HELD_S = 8.0
"""How long a fault lasts, unless it is said otherwise."""
BURSTS, BURST_SENDERS, BURST_LETTERS = 10, 4, 10
BURST_LOOK_S = 0.02
BEFORE, MEANWHILE, AFTER = 5, 5, 5
"""Letters that come before, during and after a fault."""
ENDED = ("reply_sent", "reply_unknown", "reply_failed")

Fault = Callable[[], Awaitable[None]]


@dataclass
class Post:
    """Letters brought to the mailbox, past whatever is wrong between it and the worker."""

    imap: ImapSettings
    ledger: Ledger
    sink: RecordingRelay
    brought: int = 0

    async def bring(self, letters: int) -> None:
        """Bring letters, each from another person."""
        await self.append(range(self.brought + 1, self.brought + 1 + letters))
        self.brought += letters

    async def append(self, numbers: range) -> None:
        """Put these letters into the mailbox, over a connection of their own."""
        client = ImapMailbox(self.imap)
        await client.connect()
        for number in numbers:
            await client.append("INBOX", letter(number))
        await client.close()

    async def answered(self) -> float:
        """Return the seconds until every letter brought is answered, or GIVE_UP_S."""
        started = time.monotonic()
        while time.monotonic() - started < GIVE_UP_S:
            counts = await self.ledger.mails.counts()
            if sum(counts.get(name, 0) for name in ENDED) >= self.brought:
                break
            await asyncio.sleep(LOOK_EVERY_S)
        return time.monotonic() - started

    async def toll(self, seconds: float) -> dict[str, object]:
        """Return what a fault cost."""
        counts = await self.ledger.mails.counts()
        ended = sum(counts.get(name, 0) for name in ENDED)
        answers = Counter(str(one.mail["In-Reply-To"]) for one in self.sink.received)
        return {
            "letters": self.brought,
            "back_s": round(seconds, 1),
            "lost": self.brought - ended,
            "twice": sum(number > 1 for number in answers.values()),
        }


async def through(post: Post, begin: Fault, end: Fault, held_s: float) -> dict[str, object]:
    """Bring letters before, during and after a fault of `held_s`; time from its end."""
    await post.bring(BEFORE)
    await post.answered()
    await begin()
    await post.bring(MEANWHILE)
    await asyncio.sleep(held_s)
    await end()
    started = time.monotonic()
    await post.bring(AFTER)
    await post.answered()
    return await post.toll(time.monotonic() - started)


async def imap_faults(post: Post, wire: FaultyProxy, dovecot: Dovecot) -> dict[str, object]:
    """Reset the connection; let nothing through; restart the server badly; renumber the mailbox."""

    async def nothing() -> None:
        return None

    async def linger() -> None:
        await asyncio.to_thread(dovecot.stop_master_only)
        await asyncio.to_thread(dovecot.start)

    async def renumber() -> None:
        await asyncio.to_thread(dovecot.forget_mail)
        wire.cut()
        await post.append(range(1, post.brought + 1))

    async def cut() -> None:
        wire.cut()

    async def freeze() -> None:
        wire.freeze()

    async def thaw() -> None:
        wire.thaw()

    return {
        "reset": await through(post, cut, nothing, 0.0),
        "black_hole": await through(post, freeze, thaw, HELD_S),
        "lingering_server": await through(post, linger, nothing, 0.0),
        "uid_validity": await through(post, renumber, nothing, 0.0),
    }


async def paced(post: Post, letters: int, per_hour: float) -> dict[str, object]:
    """Bring letters at an even pace; time each from its arrival to its answer at the relay."""
    arrived: dict[str, float] = {}
    left: dict[str, float] = {}
    watching = asyncio.create_task(_watch(post.sink, left))
    started = time.monotonic()
    for number in range(letters):
        await asyncio.sleep(max(0.0, started + number * 3600 / per_hour - time.monotonic()))
        await post.bring(1)
        arrived[f"<{post.brought}@faults.example>"] = time.monotonic()
    await post.answered()
    await asyncio.sleep(1.0)
    watching.cancel()
    waits = sorted(left[name] - at for name, at in arrived.items() if name in left)
    return {
        "letters": letters,
        "per_hour": per_hour,
        "answered": len(waits),
        "states": dict(await post.ledger.mails.counts()),
        "p50_s": round(statistics.median(waits), 2),
        "p99_s": round(waits[min(len(waits) - 1, int(len(waits) * 0.99))], 2),
    }


async def _watch(sink: RecordingRelay, left: dict[str, float]) -> None:
    seen = 0
    while True:
        for one in sink.received[seen:]:
            left[str(one.mail["In-Reply-To"])] = time.monotonic()
            seen += 1
        await asyncio.sleep(LOOK_EVERY_S)


class DeafMailbox(ImapMailbox):
    """A mailbox whose server has no IDLE: it is looked into every `poll_s`."""

    async def wait(self, seconds: float) -> None:
        """Wait all the time there is."""
        await self._until_lost(seconds)


async def polling(imap: ImapSettings, ledger: Ledger, letters: int) -> dict[str, object]:
    """Time letters from their arrival at a server without IDLE to their row in the ledger."""
    client = ImapMailbox(imap)
    await client.connect()
    waits = []
    async with _watched(imap, ledger):
        for number in range(letters):
            before = sum((await ledger.mails.counts()).values())
            started = time.monotonic()
            await client.append("INBOX", letter(1_000_000 + number))
            await _grown(ledger, before)
            waits.append(time.monotonic() - started)
            await asyncio.sleep(number * 3.7 % 30)  # arrivals out of step with the polls
    await client.close()
    waits.sort()
    return {"letters": letters, "p95_s": round(waits[int(len(waits) * 0.95)], 1)}


async def _grown(ledger: Ledger, before: int) -> None:
    for _ in range(int(GIVE_UP_S / LOOK_EVERY_S)):
        if sum((await ledger.mails.counts()).values()) > before:
            return
        await asyncio.sleep(LOOK_EVERY_S)


@asynccontextmanager
async def _watched(imap: ImapSettings, ledger: Ledger) -> AsyncIterator[None]:
    async def connect(settings: ImapSettings, tokens: AccessTokens | None) -> ImapMailbox:
        mailbox = DeafMailbox(settings, tokens)
        await mailbox.connect()
        return mailbox

    box = MailboxSettings(name="main", address=US, imap=imap, smtp=SmtpSettings())
    monitor = Monitor(
        box,
        ledger,
        WorkNotifier(None),
        SystemClock(),
        MailMetrics(CollectorRegistry()),
        max_bytes=1_000_000,
        connect=connect,
    )
    task = asyncio.create_task(monitor.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def stop(process: Process) -> None:
    """End a worker."""
    process.terminate()
    await process.wait()


def letter(number: int) -> bytes:
    """Return a letter of its own."""
    return raw_mail(
        f"Bonjour, question {number} : quelle est la durée du préavis en cas de démission ?",
        sender=f"personne{number}@p{number}.example",
        message_id=f"<{number}@faults.example>",
    )


async def bursts(ledger: Ledger, imap: ImapSettings, known: int) -> list[float]:
    """Return how long each letter waited for its row, of bursts by several senders at once."""
    waits: list[float] = []
    for _ in range(BURSTS):
        last = known + BURST_SENDERS * BURST_LETTERS
        arrived: list[float] = []
        numbers = range(known, last)
        sending = asyncio.gather(
            *(_send(imap, numbers[each::BURST_SENDERS], arrived) for each in range(BURST_SENDERS))
        )
        while known < last:
            now_known = _known(await ledger.mails.counts())
            waits += [time.monotonic()] * (now_known - known)
            known = now_known
            await asyncio.sleep(BURST_LOOK_S)
        await sending
        waits[-len(arrived) :] = [
            max(0.0, seen - came)
            for seen, came in zip(waits[-len(arrived) :], sorted(arrived), strict=True)
        ]
    return waits


async def _send(imap: ImapSettings, numbers: range, arrived: list[float]) -> None:
    client = ImapMailbox(imap)
    await client.connect()
    for number in numbers:
        await client.append("INBOX", letter(number))
        arrived.append(time.monotonic())
    await client.close()


def _known(counts: Mapping[str, int]) -> int:
    return sum(number for name, number in counts.items() if name.startswith("mail_"))
