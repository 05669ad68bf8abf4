"""Reads attached documents and pictures, one at a time, each in a sandbox of its kind."""

import json

from shared.privacy.sandbox import Sandbox, SandboxFailed
from shared.reading.documents import Document, DocumentKind, is_image
from shared.reading.scans import ScanReader
from shared.reading.settings import ScanSettings
from telegram_service.errors import UnreadableDocument

MAX_PAGES = 200
MAX_CHARACTERS = 30_000
READ_TIMEOUT_S = 15.0
READER_MEMORY_MIB = 256
"""Of the one child that reads: with the worker's own 110 MiB, well below the container's 512."""


def document_sandbox() -> Sandbox:
    """Return the child process that reads documents: a new one for each."""
    return Sandbox(
        "shared.reading.documents:document_json",
        max_pages=MAX_PAGES,
        max_characters=MAX_CHARACTERS + 1,  # one more shows that the document is longer
        timeout_s=READ_TIMEOUT_S,
        memory_mib=READER_MEMORY_MIB,
    )


def scan_reader(settings: ScanSettings) -> ScanReader:
    """Return what reads pictures and scanned pages."""
    return ScanReader(settings, max_pages=MAX_PAGES, max_characters=MAX_CHARACTERS + 1)


class DocumentReader:
    """Reads one document at a time in `sandbox`, and its pictures in `scans`."""

    def __init__(self, sandbox: Sandbox, scans: ScanReader) -> None:
        self._sandbox = sandbox
        self._scans = scans

    @property
    def reads_pictures(self) -> bool:
        """Whether the extra [ocr] is installed."""
        return not self._scans.missing

    async def read(self, told: str, content: bytes) -> Document:
        """Return a document with its text; `told` is the content type, `content` decides.

        Raises UnreadableDocument when it has none.
        """
        kind, document = await self._text_of(told, content)
        if self.reads_pictures and (document.state == "picture" or document.scanned_pages):
            scan = await self._scans.read(kind, content)
            document = scan if scan.text or not document.text else document
        if not document.text:
            raise UnreadableDocument(document.state)
        return document

    async def _text_of(self, told: str, content: bytes) -> tuple[DocumentKind, Document]:
        if is_image(content):
            return "image", Document("picture")
        try:
            reply = await self._sandbox.call(told.encode() + b"\0" + content)
        except SandboxFailed as error:
            raise UnreadableDocument(error.reason) from error
        kind, document = json.loads(reply)
        return kind, Document(**document)
