"""Reads the text of attached documents, one at a time, in a sandbox."""

from shared.privacy.sandbox import Sandbox, SandboxFailed
from telegram_service.errors import UnreadableDocument

MAX_PAGES = 200
MAX_CHARACTERS = 30_000
READ_TIMEOUT_S = 15.0
READER_MEMORY_MIB = 256
"""Of the one child that reads: with the worker's own 110 MiB, well below the container's 512."""


def document_sandbox() -> Sandbox:
    """Return the child process that reads documents: a new one for each."""
    return Sandbox(
        "shared.privacy.documents:document_text",
        max_pages=MAX_PAGES,
        max_characters=MAX_CHARACTERS + 1,  # one more shows that the document is longer
        timeout_s=READ_TIMEOUT_S,
        memory_mib=READER_MEMORY_MIB,
    )


class DocumentReader:
    """Reads one document at a time in `sandbox`."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def read(self, kind: str, content: bytes) -> str:
        """Return a document's text. Raises UnreadableDocument."""
        try:
            text = await self._sandbox.call(kind.encode() + b"\0" + content)
        except SandboxFailed as error:
            raise UnreadableDocument(error.reason) from error
        if not text:
            raise UnreadableDocument("no text")
        return text.decode()
