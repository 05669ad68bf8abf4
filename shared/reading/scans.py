"""Reads pictures and scanned pages of PDFs in a sandbox: one new process for each file."""

import importlib.util
import json
from pathlib import Path

import structlog

from shared.privacy.sandbox import Sandbox, SandboxFailed
from shared.reading.documents import Document, DocumentKind
from shared.reading.settings import ScanSettings

LIBRARIES = ("cv2", "numpy", "onnxruntime", "PIL", "pillow_heif", "rapidocr", "tesserocr")
"""Of the extra [ocr]."""
PROCESSOR = (Path("/proc/cpuinfo"), Path("/sys/devices/system/cpu"))
"""Which instructions the processor has: without it onnxruntime computes with the slowest."""
BUDGET_SHARE = 0.6
"""Of the time for a file: after that no further page is begun, so that what was read is kept."""

log = structlog.get_logger()


def missing_libraries() -> list[str]:
    """Return what of the extra [ocr] is not installed."""
    return [name for name in LIBRARIES if importlib.util.find_spec(name) is None]


class ScanReader:
    """Reads one file at a time; without the extra [ocr] it reads nothing, and says so."""

    def __init__(self, settings: ScanSettings, *, max_pages: int, max_characters: int) -> None:
        self.missing = missing_libraries()
        self._sandbox = Sandbox(
            "shared.reading.scan_child:read_scan",
            prepare="shared.reading.scan_child:prepare",
            readable=(settings.thai_weights, *PROCESSOR),
            timeout_s=settings.file_s,
            start_timeout_s=settings.start_s,
            memory_mib=settings.memory_mib,
            thai_weights=str(settings.thai_weights),
            max_pages=max_pages,
            max_scanned_pages=settings.pages,
            max_characters=max_characters,
            budget_s=settings.file_s * BUDGET_SHARE,
        )

    async def __aenter__(self) -> "ScanReader":
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._sandbox.__aexit__(None, None, None)

    async def read(self, kind: DocumentKind, content: bytes) -> Document:
        """Return the text of a picture or of a scanned PDF; never raises for its content."""
        if self.missing:
            return Document("picture")
        try:
            return Document(**json.loads(await self._sandbox.call(kind.encode() + b"\0" + content)))
        except SandboxFailed as failure:
            log.info("scan not read", reason=failure.reason, size_bytes=len(content))
            return Document("unreadable")
