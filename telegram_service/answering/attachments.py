"""Attached files: downloaded, read in a sandbox, quoted after the question.

A document is data: its text is quoted, never joined to our own instructions.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

import structlog

from shared.errors import TooLarge
from shared.reading.documents import Document, is_image
from telegram_service.answering.document_reader import MAX_CHARACTERS
from telegram_service.answering.recordings import read_recording
from telegram_service.answering.sign_of_life import SignOfLife
from telegram_service.answering.update_context import UpdateContext
from telegram_service.channels.update import Attachment, File
from telegram_service.errors import ChannelRefused, UnreadableDocument

log = structlog.get_logger()

TYPES: Mapping[str, str] = {
    ".pdf": "application/pdf",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".txt": "text/plain",
    **dict.fromkeys((".jpg", ".jpeg", ".png", ".webp", ".heic", ".tif", ".tiff"), "image/*"),
}
"""What is read, by the extension of a name; what a file is says its content."""
UNTOLD = ("", "application/octet-stream")
MAX_BYTES = 20 * 1024 * 1024
"""What Telegram lets a bot download."""
DOWNLOAD_TIMEOUT_S = 60.0
MAX_RECORDINGS = 3
"""Of one question: an album of ten would keep the others waiting for minutes."""
READ_TIMEOUT_S = 180.0
"""With the wait for files of other chats, which are read before."""
REFUSALS: Mapping[str, str] = {
    "time": "file_slow",
    "picture": "file_scanned",
    "illegible": "picture_illegible",
}
"""What is said for a reason why a file has no text; for another it is `file_unreadable`."""
SHOWN_LINES, SHOWN_CHARACTERS = 8, 600
"""Of what was read in a picture: enough to see whether it was read right."""


@dataclass(frozen=True)
class ReadFile:
    """What a file says; `cut` when only its beginning fits, `spoken` when somebody says it,
    `recognised` when it was read in pictures, `doubtful` when that may be wrong.

    `refusal` names the sentence that says why nothing was read; then there is no text. Neither: the
    person has been told. `note` names one to say with the answer.
    """

    text: str = ""
    cut: bool = False
    spoken: bool = False
    recognised: bool = False
    doubtful: bool = False
    refusal: str = ""
    note: str = ""


async def read_attachments(
    context: UpdateContext, files: Sequence[Attachment]
) -> list[ReadFile] | None:
    """Read the files of a question and show what was read in pictures; None when that was stopped.

    They must have been counted against the person's quota.
    """
    sign = SignOfLife(context, "reading", "picture_reading")

    earlier = [sum(each.is_recording for each in files[:at]) for at in range(len(files))]

    async def read() -> list[ReadFile]:
        return [
            await _read(context, each, number) for each, number in zip(files, earlier, strict=True)
        ]

    if not (context.services.documents.reads_pictures and any(map(is_picture, files))):
        found: list[ReadFile] | None = await read()
    else:
        found = await sign.during(read)
    if found is None:
        await sign.become("stopped", context.say("stop_done"))
        return None
    if shown := [each for each in found if each.recognised]:
        await sign.become("read", _shown(context, shown))
    elif sign.is_message:
        refusal = next((each.refusal for each in found if each.refusal), "picture_illegible")
        await sign.become("read", context.say(refusal))
        return [replace(each, refusal="") if each.refusal == refusal else each for each in found]
    return found


def is_picture(attachment: Attachment) -> bool:
    """Whether a file says itself that it is a picture."""
    return attachment.kind == "photo" or (
        attachment.kind == "document" and (told_type(attachment.file) or "").startswith("image/")
    )


def told_type(file: File) -> str | None:
    """Return the type of a document by its name or, without an extension, as it was sent.

    None where it is none that is read.
    """
    suffix = PurePosixPath(file.file_name.lower()).suffix
    if suffix in TYPES:
        return TYPES[suffix]
    told = file.mime_type.partition(";")[0].strip().lower()
    if told in TYPES.values() or told.startswith("image/"):
        return told
    return told if not suffix and told in UNTOLD else None


async def _read(context: UpdateContext, attachment: Attachment, number: int) -> ReadFile:
    """Read a file of a question, after `number` recordings."""
    reads_pictures = context.services.documents.reads_pictures
    if attachment.is_recording:
        if context.services.recordings is None:
            return ReadFile(refusal="no_voice")
        if number >= MAX_RECORDINGS:
            return ReadFile(refusal="voice_many")
        transcript = await read_recording(context, attachment, number)
        return ReadFile(transcript.text, spoken=True) if transcript else ReadFile()
    if attachment.kind not in {"document", "photo"}:
        return ReadFile(refusal="no_video" if reads_pictures else "no_picture")
    if is_picture(attachment) and not reads_pictures:
        return ReadFile(refusal="no_picture")
    told = "image/*" if attachment.kind == "photo" else told_type(attachment.file)
    if told is None:
        return ReadFile(refusal="file_kind")
    return await _read_document(context, attachment.file, told)


async def _read_document(context: UpdateContext, file: File, told: str) -> ReadFile:
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
    return await _read_content(context, content, told)


async def _read_content(context: UpdateContext, content: bytes, told: str) -> ReadFile:
    try:
        async with asyncio.timeout(READ_TIMEOUT_S):
            document = await context.services.documents.read(told, content)
    except TimeoutError:
        return ReadFile(refusal="file_slow")
    except UnreadableDocument as error:
        is_unknown = str(error) == "named" and told in UNTOLD
        return ReadFile(refusal="file_kind" if is_unknown else _refusal(str(error), content))
    return _file_of(document)


def _refusal(reason: str, content: bytes) -> str:
    if reason == "picture" and is_image(content):
        return "no_picture"
    return REFUSALS.get(reason, "file_unreadable")


def _file_of(document: Document) -> ReadFile:
    return ReadFile(
        document.text[:MAX_CHARACTERS],
        cut=len(document.text) > MAX_CHARACTERS,
        recognised=document.recognised,
        doubtful=document.doubtful,
        note="pages_not_read" if document.scanned_pages else "",
    )


def _shown(context: UpdateContext, read: Sequence[ReadFile]) -> str:
    """Return what was read in pictures: the beginning of each, for the person to check."""
    lines = max(2, SHOWN_LINES // len(read))
    texts = [_beginning(each.text, lines, SHOWN_CHARACTERS // len(read)) for each in read]
    doubtful = any(each.doubtful for each in read)
    return context.say("picture_doubtful" if doubtful else "picture_read", text="\n\n".join(texts))


def _beginning(text: str, max_lines: int, max_characters: int) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    shown = "\n".join(lines[:max_lines])[:max_characters]
    return shown if shown == "\n".join(lines) else f"{shown} …"
