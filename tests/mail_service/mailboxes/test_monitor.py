"""From a real mailbox into the real ledger, with the faults between them."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from deploy.local.dovecot import Dovecot
from deploy.local.postgres_server import PostgresServer
from deploy.local.server import accepts_connections
from mail_service.access_tokens import AccessTokens
from mail_service.errors import FolderRefused
from mail_service.ledger.ledger import Ledger
from mail_service.ledger.notifications import WorkNotifier
from mail_service.ledger.records import MailLocation
from mail_service.mailboxes.imap import ImapMailbox, Mailbox
from mail_service.mailboxes.monitor import Monitor
from mail_service.metrics import MailMetrics
from mail_service.settings import ImapSettings, MailboxSettings, SmtpSettings
from shared.clock import StoppedClock, SystemClock
from shared.privacy.encryption import Encryption
from shared.stores.postgres import Postgres
from tests.mail_service.mail_app import open_mail_app
from tests.mail_service.mails import US, raw_mail, wire_mail
from tests.mail_service.polling import WAIT_S, becomes, until
from tests.servers.cyrus import Cyrus
from tests.servers.faulty_proxy import faulty_proxy

pytestmark = pytest.mark.slow
ON_DOVECOT = pytest.mark.parametrize("imap_server", ["dovecot"], indirect=True)
"""For what the wire or Postgres does, whatever the server."""


@pytest.fixture(autouse=True)
def short_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mail_service.mailboxes.monitor.FIRST_PAUSE_S", 0.05)


@dataclass
class RunningMonitor:
    """A monitor that runs, and its metrics."""

    monitor: Monitor
    registry: CollectorRegistry

    def lost(self, code: str) -> float:
        """Return how many connections it gave up with this error."""
        labels = {"what": code}
        return self.registry.get_sample_value("mail_connection_lost_total", labels) or 0.0

    @property
    def is_connected(self) -> bool:
        """Return whether it has selected its folder."""
        labels = {"mailbox": "main"}
        return self.registry.get_sample_value("mail_mailbox_connected", labels) == 1


@asynccontextmanager
async def running_monitor(
    imap: ImapSettings, ledger: Ledger, max_bytes: int = 1_000_000
) -> AsyncIterator[RunningMonitor]:
    mailbox = MailboxSettings(name="main", address=US, imap=imap, smtp=SmtpSettings())
    registry = CollectorRegistry()
    monitor = Monitor(
        mailbox,
        ledger,
        WorkNotifier(None),
        SystemClock(),
        MailMetrics(registry),
        max_bytes=max_bytes,
    )
    task = asyncio.create_task(monitor.run())
    try:
        yield RunningMonitor(monitor, registry)
    finally:
        task.cancel()
        await asyncio.wait([task])


async def received(ledger: Ledger, count: int, seconds: float = WAIT_S) -> int:
    """Return the number of mails in the ledger, once it is `count` or after `seconds`."""

    async def enough() -> bool:
        return await received_now(ledger) >= count

    await until(enough, seconds)
    return await received_now(ledger)


async def received_now(ledger: Ledger) -> int:
    return (await ledger.mails.counts()).get("mail_received", 0)


async def refuses(port: int) -> bool:
    return not await asyncio.to_thread(accepts_connections, port)


async def arrive(client: ImapMailbox, numbers: range) -> None:
    for number in numbers:
        await client.append("INBOX", wire_mail(message_id=f"<{number}@personne.example>"))


async def marked(client: ImapMailbox) -> int:
    await client.open()
    return len(await client.all_uids()) - len(await client.unprocessed())


async def marked_becomes(client: ImapMailbox, count: int) -> bool:
    async def enough() -> bool:
        return await marked(client) == count

    return await until(enough)


async def test_mail_is_in_the_ledger_before_it_is_marked(
    imap: ImapSettings, ledger: Ledger, other_client: ImapMailbox
) -> None:
    await arrive(other_client, range(3))
    async with running_monitor(imap, ledger):
        assert await received(ledger, 3) == 3
        started = time.monotonic()
        await arrive(other_client, range(3, 4))
        assert await received(ledger, 4) == 4
        assert time.monotonic() - started < 5
        assert await marked_becomes(other_client, 4)


@ON_DOVECOT
@pytest.mark.needs("dovecot")
async def test_a_reset_and_a_black_hole_are_survived(
    imap: ImapSettings, ledger: Ledger, other_client: ImapMailbox
) -> None:
    async with faulty_proxy(imap.port) as proxy:
        settings = imap.model_copy(update={"port": proxy.port, "timeout_s": 0.5, "poll_s": 0.5})
        async with running_monitor(settings, ledger) as running:
            await arrive(other_client, range(1))
            assert await received(ledger, 1) == 1
            proxy.cut()
            await arrive(other_client, range(1, 2))
            assert await received(ledger, 2) == 2
            lost = running.lost("mailbox_lost")
            proxy.freeze()
            await arrive(other_client, range(2, 3))
            assert await becomes(lambda: running.lost("mailbox_lost") > lost + 1)
            assert await received_now(ledger) == 2
            proxy.thaw()
            assert await received(ledger, 3) == 3


@pytest.mark.needs("dovecot")
async def test_a_server_that_leaves_its_connections_open_and_silent_is_left_behind(
    ledger: Ledger, readable_folder: Path
) -> None:
    server = Dovecot(readable_folder)
    await asyncio.to_thread(server.start)
    imap = ImapSettings(
        host="127.0.0.1",
        port=server.imap_port,
        tls=False,
        user=server.address,
        password=SecretStr(server.password),
        timeout_s=2,
        poll_s=1,
    )
    client = ImapMailbox(imap)
    await client.connect()
    async with running_monitor(imap, ledger):
        await arrive(client, range(1))
        assert await received(ledger, 1) == 1
        await asyncio.to_thread(server.stop_master_only)
        assert await until(lambda: refuses(server.imap_port))
        await asyncio.to_thread(server.start)
        again = ImapMailbox(imap)
        await again.connect()
        await arrive(again, range(1, 3))
        assert await received(ledger, 3) == 3
        await again.close()
    await client.close()
    await asyncio.to_thread(server.stop)


@pytest.mark.parametrize("greeting", [b"", b"* OK [CAPABILITY IMAP4rev1] ready\r\n"])
async def test_a_monitor_stopped_while_it_logs_in_hangs_up(ledger: Ledger, greeting: bytes) -> None:
    called, hung_up = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await reader.read(0 if not greeting else 1)
        called.set()
        await reader.read()
        hung_up.set()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with running_monitor(ImapSettings(host="127.0.0.1", port=port, tls=False), ledger):
        await called.wait()
    await asyncio.wait_for(hung_up.wait(), 1)
    server.close()


async def test_a_new_uidvalidity_brings_nothing_in_twice(
    imap: ImapSettings,
    ledger: Ledger,
    imap_server: Dovecot | Cyrus,
    other_client: ImapMailbox,
) -> None:
    await arrive(other_client, range(2))
    async with running_monitor(imap, ledger):
        assert await received(ledger, 2) == 2
    await other_client.close()
    imap_server.forget_mail()
    again = ImapMailbox(imap)
    await again.connect()
    await arrive(again, range(3))
    async with running_monitor(imap, ledger):
        assert await received(ledger, 3) == 3
        assert await marked_becomes(again, 3)
    assert await received_now(ledger) == 3
    await again.close()


@pytest.mark.needs("cyrus")
@pytest.mark.parametrize("imap_server", ["cyrus"], indirect=True)
async def test_a_folder_without_keywords_brings_each_mail_in_once(
    imap: ImapSettings,
    ledger: Ledger,
    imap_server: Cyrus,
    other_client: ImapMailbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    marked: list[object] = []

    async def mark_done(_mailbox: ImapMailbox, uids: Sequence[int]) -> None:
        marked.extend(uids)

    monkeypatch.setattr(ImapMailbox, "mark_done", mark_done)
    imap_server.restrict("lrsi")
    await arrive(other_client, range(2))
    async with running_monitor(imap, ledger):
        assert await received(ledger, 2) == 2
        await arrive(other_client, range(2, 3))
        assert await received(ledger, 3) == 3
    added: list[int] = []
    add = ledger.intake.add

    async def counted(location: MailLocation, raw: bytes, size_bytes: int) -> int | None:
        added.append(location.uid)
        return await add(location, raw, size_bytes)

    monkeypatch.setattr(ledger.intake, "add", counted)
    async with running_monitor(imap, ledger):
        await arrive(other_client, range(3, 4))
        assert await received(ledger, 4) == 4
    assert added == [4]
    assert marked == []


@pytest.mark.needs("cyrus")
@pytest.mark.parametrize("imap_server", ["cyrus"], indirect=True)
async def test_a_folder_that_keeps_no_more_keywords_is_read_without(
    imap: ImapSettings, ledger: Ledger, other_client: ImapMailbox
) -> None:
    await arrive(other_client, range(1))
    await other_client.open()
    for number in range(128):
        keyword = f"(project{number})"
        with suppress(FolderRefused):
            await other_client._call(other_client._imap.uid("store", "1", "+FLAGS", keyword))
    async with running_monitor(imap, ledger) as running:
        assert await received(ledger, 1) == 1
        await arrive(other_client, range(1, 3))
        assert await received(ledger, 3) == 3
        assert running.lost("folder_refused") == 0
    assert await marked(other_client) == 0


async def test_the_audit_finds_and_heals_what_was_marked_and_never_written(
    imap: ImapSettings, ledger: Ledger, other_client: ImapMailbox
) -> None:
    await arrive(other_client, range(2))
    await other_client.open()
    await other_client.mark_done([1])
    async with running_monitor(imap, ledger):
        assert await received(ledger, 2) == 2


async def test_a_mail_that_comes_during_the_audit_is_no_difference(
    imap: ImapSettings, ledger: Ledger, other_client: ImapMailbox
) -> None:
    class Busy(ImapMailbox):
        async def unprocessed(self) -> list[int]:
            found = await super().unprocessed()
            await arrive(other_client, range(1))
            return found

    mailbox = Busy(imap)
    await mailbox.connect()
    folder = await mailbox.open()
    async with running_monitor(imap.model_copy(update={"folder": "Sent"}), ledger) as running:
        assert await running.monitor.audit(mailbox, folder) == 0
    await mailbox.close()


@pytest.mark.parametrize(("folder", "found"), [("Sent", True), ("No such folder", False)])
async def test_a_mail_in_doubt_is_looked_for_in_sent_and_copies_are_kept(
    imap: ImapSettings,
    ledger: Ledger,
    encryption: Encryption,
    clock: StoppedClock,
    other_client: ImapMailbox,
    folder: str,
    found: bool,
) -> None:
    ways = {"answer": lambda number: "cut" if number == 0 else "250 ok"}
    async with open_mail_app(ledger, encryption, clock, None, **ways) as app:
        await app.answer(raw_mail())
        await app.answer(raw_mail("Autre question ?", message_id="<2@personne.example>"))
        doubtful, sent = app.relay.received
    await other_client.append("Sent", doubtful.content)  # as a provider files what it sends
    settings = imap.model_copy(update={"sent_folder": folder})
    async with running_monitor(settings, ledger) as running:
        await arrive(other_client, range(5, 6))
        assert await received(ledger, 1) == 1
        if found:
            sent_id = str(sent.mail["Message-ID"])
            await other_client.open()
            assert await until(lambda: other_client.contains("Sent", sent_id))
        else:
            assert await becomes(lambda: running.monitor._sent_refused)
    counts = await ledger.mails.counts()
    assert counts.get("reply_unknown", 0) == (0 if found else 1)
    await other_client.open()
    for letter in (doubtful, sent):
        kept = await other_client.contains("Sent", str(letter.mail["Message-ID"]))
        assert kept == (found or letter is doubtful)


async def test_of_a_mail_too_big_only_the_header_is_fetched(
    imap: ImapSettings, ledger: Ledger, other_client: ImapMailbox
) -> None:
    await other_client.append("INBOX", wire_mail("x" * 50 + "\n" + "mot de trop " * 2_000))
    async with running_monitor(imap, ledger, max_bytes=5_000):
        assert await received(ledger, 1) == 1
    work = await ledger.work.claim(60)
    assert work is not None
    assert b"mot de trop" not in work.raw
    assert work.size_bytes > 20_000


class BusyMailbox(ImapMailbox):
    """A mailbox in which another mail arrives while one is being marked, once."""

    arriving: ImapMailbox | None = None

    async def mark_done(self, uids: Sequence[int]) -> None:
        """Have a mail arrive, and read its announcement inside the answer to STORE."""
        if self.arriving is not None:
            other, self.arriving = self.arriving, None
            await other.append("INBOX", wire_mail(message_id="<meanwhile@personne.example>"))
        await super().mark_done(uids)


async def test_a_mail_that_comes_during_an_intake_waits_for_no_poll(
    ledger: Ledger, imap: ImapSettings, other_client: ImapMailbox
) -> None:
    patient = imap.model_copy(update={"poll_s": 30.0})
    boxes: list[BusyMailbox] = []

    async def connect(settings: ImapSettings, tokens: AccessTokens | None) -> Mailbox:
        box = BusyMailbox(settings, tokens)
        box.arriving = other_client
        boxes.append(box)
        await box.connect()
        return box

    box = MailboxSettings(name="main", address=US, imap=patient, smtp=SmtpSettings())
    monitor = Monitor(
        box, ledger, WorkNotifier(None), SystemClock(), MailMetrics(CollectorRegistry()),
        max_bytes=1_000_000, connect=connect,
    )  # fmt: skip
    await other_client.append("INBOX", wire_mail())
    task = asyncio.create_task(monitor.run())
    try:
        assert await received(ledger, 2, seconds=15) == 2
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_backlog_is_taken_in_by_small_batches(
    imap: ImapSettings, ledger: Ledger, other_client: ImapMailbox
) -> None:
    await arrive(other_client, range(120))
    async with running_monitor(imap, ledger):
        assert await received(ledger, 120) == 120


@ON_DOVECOT
@pytest.mark.needs("dovecot")
async def test_while_postgres_is_down_nothing_is_marked_and_nothing_is_lost(
    imap: ImapSettings,
    encryption: Encryption,
    other_client: ImapMailbox,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    server = PostgresServer(tmp_path_factory.mktemp("postgres"), safe=False)
    await asyncio.to_thread(server.start)
    postgres = Postgres(server.url(), timeout_s=2)
    await postgres.open()
    ledger = Ledger(postgres, encryption, SystemClock())
    await ledger.migrate()
    async with running_monitor(imap, ledger) as running:
        await arrive(other_client, range(1))
        assert await received(ledger, 1) == 1
        await asyncio.to_thread(server.kill)
        await arrive(other_client, range(1, 4))
        assert await becomes(lambda: running.lost("postgres_lost") > 1)
        assert await marked(other_client) == 1
        await asyncio.to_thread(server.start)
        assert await received(ledger, 4, seconds=30) == 4
    await postgres.close()
    await asyncio.to_thread(server.stop)
