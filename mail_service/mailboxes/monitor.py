"""Watches a mailbox: every mail is in the ledger before the server's mark says so.

Search by our keyword, write down, then mark: a crash anywhere repeats work that the ledger
recognises. IDLE is a hint, a search at most every 30 s the rule. Also keeps copies in Sent, looks
there for replies whose outcome is unknown, and compares mailbox and ledger.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from mail_service.errors import FolderRefused, LoginRefused, MailboxLost
from mail_service.ledger.notifications import Wake
from mail_service.ledger.store import Place, Store
from mail_service.mailboxes.imap import BATCH, Folder, ImapMailbox, Mailbox
from mail_service.metrics import MailMetrics
from mail_service.settings import ImapSettings, MailboxSettings
from shared.clock import Clock
from shared.stores.postgres import PostgresLost

log = structlog.get_logger()

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
REFUSED_PAUSE_S = 300.0
"""Providers lock an account that keeps trying a wrong password."""
BATCH_BYTES = 8 * 1024 * 1024

Connect = Callable[[ImapSettings], Awaitable[Mailbox]]


async def connect(settings: ImapSettings) -> Mailbox:
    """Return a connected IMAP mailbox. Raises MailboxLost or LoginRefused."""
    mailbox = ImapMailbox(settings)
    try:
        await mailbox.connect()
    except BaseException:  # cancelled too: nothing half open is left behind
        await mailbox.close()
        raise
    return mailbox


class Monitor:
    """One mailbox, watched until cancelled."""

    def __init__(
        self,
        settings: MailboxSettings,
        store: Store,
        wake: Wake,
        clock: Clock,
        metrics: MailMetrics,
        *,
        max_bytes: int,
        audit_every_s: float = 600.0,
        connect: Connect = connect,
    ) -> None:
        self._settings = settings
        self._store = store
        self._wake = wake
        self._clock = clock
        self._metrics = metrics
        self._max_bytes = max_bytes
        self._audit_every_s = audit_every_s
        self._connect = connect
        self._sent_refused = False

    async def run(self) -> None:
        """Watch for ever; a lost server or ledger is looked for again with growing pauses."""
        pause_s = FIRST_PAUSE_S
        while True:
            started_s = self._clock.elapsed_s()
            try:
                await self._session()
            except LoginRefused:
                log.warning("mailbox refuses us", mailbox=self._settings.name)
                pause_s = REFUSED_PAUSE_S
            except (MailboxLost, FolderRefused, PostgresLost) as error:
                log.warning("mailbox lost", mailbox=self._settings.name, reason=error.code)
                self._metrics.lost.labels(error.code).inc()
                held = self._clock.elapsed_s() - started_s > LONGEST_PAUSE_S
                pause_s = FIRST_PAUSE_S if held else min(pause_s * 2, LONGEST_PAUSE_S)
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - no secret

    async def _session(self) -> None:
        mailbox = await self._connect(self._settings.imap)
        gauge = self._metrics.connected.labels(self._settings.name)
        try:
            folder = await mailbox.open()
            self._sent_refused = False
            gauge.set(1)
            await self._watch(mailbox, folder)
        finally:
            gauge.set(0)
            await mailbox.close()

    async def _watch(self, mailbox: Mailbox, folder: Folder) -> None:
        audited_s = self._clock.elapsed_s() - self._audit_every_s
        while True:
            await self.take_in(mailbox, folder)
            more = await self._file_sent(mailbox)
            if self._clock.elapsed_s() - audited_s >= self._audit_every_s:
                await self.audit(mailbox, folder)
                audited_s = self._clock.elapsed_s()
            if not more:
                await mailbox.wait(self._settings.imap.poll_s)

    async def take_in(self, mailbox: Mailbox, folder: Folder) -> int:
        """Write down every mail that is not marked, then mark it; return how many."""
        uids = await mailbox.undone() if folder.keeps_keywords else await mailbox.all_uids()
        if not folder.keeps_keywords:
            seen = await self._store.seen(
                self._settings.name, self._settings.imap.folder, folder.uid_validity
            )
            uids = [uid for uid in uids if uid not in seen]
        for start in range(0, len(uids), BATCH):
            await self._take_in_batch(mailbox, folder, uids[start : start + BATCH])
        return len(uids)

    async def _take_in_batch(self, mailbox: Mailbox, folder: Folder, uids: Sequence[int]) -> None:
        sizes = await mailbox.sizes(uids)
        for few in _by_bytes(uids, sizes, self._max_bytes):
            large = sizes.get(few[0], 0) > self._max_bytes
            mails = await mailbox.fetch(few, "HEADER" if large else "")
            for uid, raw in mails.items():
                await self._admit(folder, uid, raw, max(sizes.get(uid, 0), len(raw)))
            if folder.keeps_keywords and mails:
                await mailbox.mark_done(sorted(mails))
        await self._wake.ring()

    async def _admit(self, folder: Folder, uid: int, raw: bytes, size_bytes: int) -> None:
        name, where = self._settings.name, self._settings.imap.folder
        place = Place(name, where, folder.uid_validity, uid)
        await self._store.admit(place, raw, size_bytes)
        self._metrics.taken_in.labels(name).inc()

    async def audit(self, mailbox: Mailbox, folder: Folder) -> int:
        """Compare mailbox and ledger; take in what was marked and never written down.

        Returns the difference found; it is reported, because it should never be other than 0.
        """
        uids = await mailbox.all_uids()  # first: what comes meanwhile is no difference
        undone = set(await mailbox.undone()) if folder.keeps_keywords else set()
        seen = await self._store.seen(
            self._settings.name, self._settings.imap.folder, folder.uid_validity
        )
        missing = [uid for uid in uids if uid not in seen | undone]
        self._metrics.difference.labels(self._settings.name).set(len(missing))
        if missing:
            log.error("ledger lacks mails", mailbox=self._settings.name, count=len(missing))
            for start in range(0, len(missing), BATCH):
                await self._take_in_batch(mailbox, folder, missing[start : start + BATCH])
        return len(missing)

    async def _file_sent(self, mailbox: Mailbox) -> bool:
        """Keep Sent in order, as far as the server lets us; tell whether more is to be done."""
        folder = self._settings.imap.sent_folder
        if not folder or self._sent_refused:
            return False
        try:
            await self._look_for_unknown(mailbox, folder)
            return await self._keep_copies(mailbox, folder)
        except FolderRefused:
            log.warning("no copies in Sent", mailbox=self._settings.name)
            self._sent_refused = True
            return False

    async def _keep_copies(self, mailbox: Mailbox, folder: str) -> bool:
        """Put what was sent into Sent, unless the provider did."""
        uncopied = await self._store.uncopied(self._settings.name)
        for outgoing_id, message_id, content in uncopied:
            if not await mailbox.holds(folder, message_id):
                await mailbox.append(folder, content)
            await self._store.copied(outgoing_id)
        return bool(uncopied)

    async def _look_for_unknown(self, mailbox: Mailbox, folder: str) -> None:
        """Find out about replies whose outcome is unknown, where the provider files what it sends.

        What is not found stays unknown: a person decides, nothing is resent blindly.
        """
        for row in await self._store.unknown_deliveries():
            mine = row["mailbox"] == self._settings.name
            if mine and await mailbox.holds(folder, row["message_id"]):
                await self._store.resolve(row["id"], "sent", "found in Sent")


def _by_bytes(uids: Sequence[int], sizes: Mapping[int, int], max_bytes: int) -> list[list[int]]:
    """Group UIDs so that one fetch stays below BATCH_BYTES; oversized ones stand alone."""
    groups: list[list[int]] = []
    filled = BATCH_BYTES + 1
    for uid in uids:
        size = sizes.get(uid, 0)
        if filled + size > BATCH_BYTES or size > max_bytes:
            groups.append([])
            filled = 0
        groups[-1].append(uid)
        filled = BATCH_BYTES + 1 if size > max_bytes else filled + size
    return groups
