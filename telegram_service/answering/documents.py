"""Attached documents: downloaded, read in a sandbox, quoted after the question.

A document is data: its text is quoted, never joined to our own instructions.
"""

import asyncio
from dataclasses import dataclass
from pathlib import PurePosixPath

import structlog

from shared.errors import TooLarge
from telegram_service.answering.document_reader import MAX_CHARACTERS
from telegram_service.answering.quota import over_quota
from telegram_service.answering.update_context import UpdateContext
from telegram_service.channels.update import File
from telegram_service.errors import ChannelRefused, UnreadableDocument

log = structlog.get_logger()

KINDS = {".pdf": "pdf", ".docx": "docx", ".txt": "text"}
MAX_BYTES = 20 * 1024 * 1024
"""What Telegram lets a bot download."""
DOWNLOAD_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class DocumentQuestion:
    """A question that quotes a document; `cut` when only its beginning fits."""

    text: str
    cut: bool


def kind_of(file: File) -> str | None:
    """Return the kind of a file by its name's extension; None when we do not read it."""
    return KINDS.get(PurePosixPath(file.file_name.lower()).suffix)


async def question_about(
    context: UpdateContext, file: File, caption: str
) -> DocumentQuestion | None:
    """Return the question, or None after a reply with the reason.

    It is counted against the person's quota before anything is downloaded or read.
    """
    kind = kind_of(file)
    if kind is None:
        await context.reply("file_kind")
        return None
    if file.file_size > MAX_BYTES:
        await context.reply("file_large")
        return None
    if await over_quota(context, caption):
        return None
    try:
        async with asyncio.timeout(DOWNLOAD_TIMEOUT_S):
            content = await context.channel.download(file.file_id, MAX_BYTES)
    except TooLarge:
        await context.reply("file_large")
        return None
    except ChannelRefused as refusal:
        log.info("document not handed out", reason=str(refusal))
        await context.reply("file_unreadable")
        return None
    try:
        text = await context.services.documents.read(kind, content)
    except UnreadableDocument:
        await context.reply("file_unreadable")
        return None
    question = caption or context.say("file_question")
    quoted = context.say("file_quoted", text=text[:MAX_CHARACTERS])
    return DocumentQuestion(f"{question}\n\n{quoted}", cut=len(text) > MAX_CHARACTERS)
