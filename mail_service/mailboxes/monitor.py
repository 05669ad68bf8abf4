"""Monitors a mailbox: every mail is in the ledger before it is marked on the server.

Search by our keyword, write to the ledger, then mark: after a crash anywhere the work is repeated
and the ledger deduplicates it. IDLE is a hint; a search runs at least every 30 s. Also files copies
in Sent, looks there for replies whose delivery is unknown, and reconciles mailbox and ledger.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from mail_service.access_tokens import AccessTokens, access_tokens_of
from mail_service.errors import FolderRefused, LoginRefused, MailboxLost
from mail_service.ledger.ledger import Ledger
from mail_service.ledger.notifications import WorkNotifier
from mail_service.ledger.records import MailLocation, OutgoingState
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

Connect = Callable[[ImapSettings, AccessTokens | None], Awaitable[Mailbox]]


async def connect(settings: ImapSettings, tokens: AccessTokens | None) -> Mailbox:
    """Return a connected IMAP mailbox. Raises MailboxLost or LoginRefused."""
    mailbox = ImapMailbox(settings, tokens)
    try:
        await mailbox.connect()
    except BaseException:  # cancelled too: nothing half open is left behind
        await mailbox.close()
        raise
    return mailbox


class Monitor:
    """One mailbox, monitored until cancelled."""

    def __init__(
        self,
        settings: MailboxSettings,
        ledger: Ledger,
        notifier: WorkNotifier,
        clock: Clock,
        metrics: MailMetrics,
        *,
        max_bytes: int,
        audit_every_s: float = 600.0,
        connect: Connect = connect,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._notifier = notifier
        self._clock = clock
        self._metrics = metrics
        self._max_bytes = max_bytes
        self._audit_every_s = audit_every_s
        self._connect = connect
        self._sent_refused = self._keywords_refused = False
        self._sent_folder = ""
        self._tokens = access_tokens_of(settings.imap.oauth)

    async def run(self) -> None:
        """Monitor until cancelled; reconnects with backoff to a lost server or ledger."""
        pause_s = FIRST_PAUSE_S
        while True:
            started_s = self._clock.elapsed_s()
            try:
                await self._session()
            except LoginRefused:
                log.warning("mailbox login refused", mailbox=self._settings.name)
                pause_s = REFUSED_PAUSE_S
            except (MailboxLost, FolderRefused, PostgresLost) as error:
                log.warning("mailbox lost", mailbox=self._settings.name, reason=error.code)
                self._metrics.lost.labels(error.code).inc()
                held = self._clock.elapsed_s() - started_s > LONGEST_PAUSE_S
                pause_s = FIRST_PAUSE_S if held else min(pause_s * 2, LONGEST_PAUSE_S)
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - no secret

    async def _session(self) -> None:
        mailbox = await self._connect(self._settings.imap, self._tokens)
        gauge = self._metrics.connected.labels(self._settings.name)
        try:
            folder = await mailbox.open()
            self._sent_refused, self._keywords_refused, self._sent_folder = False, False, ""
            gauge.set(1)
            await self._watch(mailbox, folder)
        finally:
            gauge.set(0)
            await mailbox.close()

    async def _watch(self, mailbox: Mailbox, folder: Folder) -> None:
        audited_s = self._clock.elapsed_s() - self._audit_every_s
        while True:
            await self.ingest(mailbox, folder)
            more = await self._file_sent(mailbox)
            if self._clock.elapsed_s() - audited_s >= self._audit_every_s:
                await self.audit(mailbox, folder)
                audited_s = self._clock.elapsed_s()
            # A mail may have been announced inside the answer to any command: nothing waits for the
            # poll because IDLE was never told of it.
            if not more and not await self.ingest(mailbox, folder):
                await mailbox.wait(self._settings.imap.poll_s)

    async def ingest(self, mailbox: Mailbox, folder: Folder) -> int:
        """Write every unmarked mail to the ledger, then mark it; return how many."""
        by_keyword = self._by_keyword(folder)
        uids = await mailbox.unprocessed() if by_keyword else await mailbox.all_uids()
        if not by_keyword:
            known = await self._known_uids(folder)
            uids = [uid for uid in uids if uid not in known]
        for start in range(0, len(uids), BATCH):
            await self._ingest_batch(mailbox, folder, uids[start : start + BATCH])
        return len(uids)

    async def _ingest_batch(self, mailbox: Mailbox, folder: Folder, uids: Sequence[int]) -> None:
        sizes = await mailbox.sizes(uids)
        for group in _by_bytes(uids, sizes, self._max_bytes):
            large = sizes.get(group[0], 0) > self._max_bytes
            mails = await mailbox.fetch(group, "HEADER" if large else "")
            for uid, raw in mails.items():
                await self._add(folder, uid, raw, max(sizes.get(uid, 0), len(raw)))
            if mails:
                await self._mark(mailbox, folder, sorted(mails))
        await self._notifier.notify()

    def _by_keyword(self, folder: Folder) -> bool:
        return folder.keeps_keywords and not self._keywords_refused

    async def _mark(self, mailbox: Mailbox, folder: Folder, uids: Sequence[int]) -> None:
        """Mark mails, unless the folder keeps no keyword, or no more of them (Cyrus: 128)."""
        if not self._by_keyword(folder):
            return
        try:
            await mailbox.mark_done(uids)
        except FolderRefused:
            log.warning("mails not marked", mailbox=self._settings.name)
            self._keywords_refused = True

    async def _add(self, folder: Folder, uid: int, raw: bytes, size_bytes: int) -> None:
        name = self._settings.name
        location = MailLocation(name, self._settings.imap.folder, folder.uid_validity, uid)
        await self._ledger.intake.add(location, raw, size_bytes)
        self._metrics.taken_in.labels(name).inc()

    async def audit(self, mailbox: Mailbox, folder: Folder) -> int:
        """Reconcile mailbox and ledger; ingest mails that are marked and not in the ledger.

        Returns how many there were; it is reported, because it should always be 0.
        """
        uids = await mailbox.all_uids()  # first: what arrives meanwhile is no difference
        unprocessed = set(await mailbox.unprocessed()) if self._by_keyword(folder) else set()
        known = await self._known_uids(folder)
        missing = [uid for uid in uids if uid not in known | unprocessed]
        self._metrics.difference.labels(self._settings.name).set(len(missing))
        if missing:
            log.error(
                "marked mails missing from the ledger",
                mailbox=self._settings.name,
                count=len(missing),
            )
            for start in range(0, len(missing), BATCH):
                await self._ingest_batch(mailbox, folder, missing[start : start + BATCH])
        return len(missing)

    async def _known_uids(self, folder: Folder) -> set[int]:
        settings = self._settings
        return await self._ledger.intake.known_uids(
            settings.name, settings.imap.folder, folder.uid_validity
        )

    async def _file_sent(self, mailbox: Mailbox) -> bool:
        """Maintain the Sent folder unless the server refuses; return whether more is to be done."""
        if not self._settings.imap.sent_folder or self._sent_refused:
            return False
        try:
            folder = await self._find_sent_folder(mailbox)
            await self._resolve_unknown(mailbox, folder)
            return await self._file_copies(mailbox, folder)
        except FolderRefused:
            log.warning("sent copies not filed", mailbox=self._settings.name)
            self._sent_refused = True
            return False

    async def _find_sent_folder(self, mailbox: Mailbox) -> str:
        chosen = self._settings.imap.sent_folder
        if not self._sent_folder:
            self._sent_folder = await mailbox.sent_folder() if chosen == "auto" else chosen
        return self._sent_folder

    async def _file_copies(self, mailbox: Mailbox, folder: str) -> bool:
        """Append what was sent to the Sent folder, unless the provider did."""
        uncopied = await self._ledger.outgoing.list_uncopied(self._settings.name)
        for mail in uncopied:
            if not await mailbox.contains(folder, mail.message_id):
                await mailbox.append(folder, mail.content)
            await self._ledger.outgoing.mark_copied(mail.id)
        return bool(uncopied)

    async def _resolve_unknown(self, mailbox: Mailbox, folder: str) -> None:
        """Resolve unknown deliveries of mails that the provider has filed in the Sent folder.

        The others stay unknown: a person decides, nothing is sent again automatically.
        """
        for unknown in await self._ledger.outgoing.list_unknown():
            mine = unknown.mailbox == self._settings.name
            if mine and await mailbox.contains(folder, unknown.message_id):
                await self._ledger.outgoing.resolve_unknown(
                    unknown.id, OutgoingState.SENT, "found in Sent"
                )


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
