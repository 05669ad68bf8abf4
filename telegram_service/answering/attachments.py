"""Attached files: downloaded, read in a sandbox, quoted after the question.

A document is data: its text is quoted, never joined to our own instructions.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import structlog

from shared.errors import TooLarge
from shared.reading.documents import DocumentKind
from telegram_service.answering.document_reader import MAX_CHARACTERS
from telegram_service.answering.recordings import read_recording
from telegram_service.answering.update_context import UpdateContext
from telegram_service.channels.update import Attachment, File
from telegram_service.errors import ChannelRefused, UnreadableDocument

log = structlog.get_logger()

KINDS: Mapping[str, DocumentKind] = {".pdf": "pdf", ".docx": "docx", ".txt": "text"}
MAX_BYTES = 20 * 1024 * 1024
"""What Telegram lets a bot download."""
DOWNLOAD_TIMEOUT_S = 60.0
MAX_RECORDINGS = 3
"""Of one question: an album of ten would keep the others waiting for minutes."""


@dataclass(frozen=True)
class ReadFile:
    """What a file says; `cut` when only its beginning fits, `spoken` when somebody says it.

    `refusal` names the sentence that says why nothing was read; then there is no text. Neither: the
    person has been told.
    """

    text: str = ""
    cut: bool = False
    spoken: bool = False
    refusal: str = ""


async def read_attachment(context: UpdateContext, attachment: Attachment, number: int) -> ReadFile:
    """Read a file that came with a message, after `number` recordings of the same question."""
    if attachment.is_recording:
        if context.services.recordings is None:
            return ReadFile(refusal="no_voice")
        if number >= MAX_RECORDINGS:
            return ReadFile(refusal="voice_many")
        transcript = await read_recording(context, attachment, number)
        return ReadFile(transcript.text, spoken=True) if transcript else ReadFile()
    if attachment.kind == "document":
        return await read_document(context, attachment.file)
    return ReadFile(refusal="no_picture")


def kind_of(file: File) -> DocumentKind | None:
    """Return the kind of a file by its name's extension; None when we do not read it."""
    return KINDS.get(PurePosixPath(file.file_name.lower()).suffix)


async def read_document(context: UpdateContext, file: File) -> ReadFile:
    """Read a document; it must have been counted against the person's quota."""
    kind = kind_of(file)
    if kind is None:
        return ReadFile(refusal="file_kind")
    if file.file_size > MAX_BYTES:
        return ReadFile(refusal="file_large")
    try:
        async with asyncio.timeout(DOWNLOAD_TIMEOUT_S):
            content = await context.channel.download(file.file_id, MAX_BYTES)
    except TooLarge:
        return ReadFile(refusal="file_large")
    except TimeoutError:
        return ReadFile(refusal="file_slow")
    except ChannelRefused as refusal:
        log.info("document not handed out", reason=str(refusal))
        return ReadFile(refusal="file_unreadable")
    try:
        text = (await context.services.documents.read(kind, content)).text
    except UnreadableDocument as error:
        return ReadFile(refusal="file_slow" if str(error) == "time" else "file_unreadable")
    return ReadFile(text[:MAX_CHARACTERS], cut=len(text) > MAX_CHARACTERS)
