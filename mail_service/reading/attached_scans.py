"""Reads the pictures and scanned pages that came with a mail, once the mail is to be answered.

The contents are taken out of the mail in the sandbox that parses mails, and read in one that
recognises letters (shared/reading/scans.py). Without the extra [ocr] nothing is taken out.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType

import structlog
from pydantic import TypeAdapter

from mail_service.errors import ScanReaderBusy
from mail_service.reading.attachments import MAX_CHARACTERS, MAX_PAGES, AttachedScan, Attachment
from mail_service.reading.message import Mail
from shared.privacy.sandbox import Sandbox, SandboxFailed
from shared.reading.documents import Document
from shared.reading.scans import ScanReader
from shared.reading.settings import ScanSettings

MAX_SCANS = 4
"""Files read of one mail; the others are told as not read."""
MAIL_BUDGET_S = 60.0
"""After that no further file of a mail is begun."""
TURN_TIMEOUT_S = 30.0
"""To wait for the mails that are read before; then the mail is tried again later."""
KEPT_MAILS = 64
"""What was read is kept in memory while a mail is tried again, because ai_core is away."""

SCANS = TypeAdapter(dict[int, AttachedScan])
log = structlog.get_logger()


class AttachedScans:
    """Reads the pictures of one mail at a time. Open it with `async with`."""

    def __init__(self, settings: ScanSettings, *, time_s: float, memory_mib: int) -> None:
        self._reader = ScanReader(settings, max_pages=MAX_PAGES, max_characters=MAX_CHARACTERS)
        self._contents = Sandbox(
            "mail_service.reading.reader:scans_of", timeout_s=time_s, memory_mib=memory_mib
        )
        self._turn = asyncio.Lock()
        self._kept: OrderedDict[bytes, Mapping[int, Document]] = OrderedDict()

    async def __aenter__(self) -> "AttachedScans":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._reader.__aexit__()
        await self._contents.__aexit__(kind, error, trace)

    async def read(self, raw: bytes, mail: Mail) -> Mail:
        """Return the mail with the texts of its pictures. Raises ScanReaderBusy."""
        if self._reader.missing or not any(map(_is_unread, mail.attachments)):
            return mail
        name = hashlib.sha256(raw).digest()
        if name not in self._kept:
            try:
                async with asyncio.timeout(TURN_TIMEOUT_S):
                    await self._turn.acquire()
            except TimeoutError:
                raise ScanReaderBusy from None
            try:
                self._kept[name] = await self._read(raw)
            finally:
                self._turn.release()
            if len(self._kept) > KEPT_MAILS:
                self._kept.popitem(last=False)
        read = self._kept[name]
        attachments = (
            file.with_text(read[number]) if number in read else file
            for number, file in enumerate(mail.attachments)
        )
        return replace(mail, attachments=tuple(attachments))

    async def _read(self, raw: bytes) -> Mapping[int, Document]:
        """Return what was read of the attachments, by their number."""
        try:
            scans = SCANS.validate_json(await self._contents.call(raw))
        except SandboxFailed as failure:
            log.info("pictures not taken out", reason=failure.reason)
            return {}
        ends = time.monotonic() + MAIL_BUDGET_S
        read = {}
        for number, scan in sorted(scans.items())[:MAX_SCANS]:
            if time.monotonic() < ends:
                read[number] = await self._reader.read(scan.kind, scan.content)
        return read


def _is_unread(file: Attachment) -> bool:
    return file.state == "picture" or file.scanned_pages > 0
