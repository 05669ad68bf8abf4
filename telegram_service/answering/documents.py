"""Documents people attach: fetched, read in a child process, put before the model as a quotation.

What a document says is data: it is quoted after the question, never joined to our own words.
"""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE
from dataclasses import dataclass
from pathlib import PurePosixPath

from telegram_service.answering.document_reader import MOST_CHARACTERS, READERS
from telegram_service.answering.update_context import Turn
from telegram_service.errors import UnreadableDocument
from telegram_service.updates import File

LARGEST_BYTES = 20 * 1024 * 1024
"""What Telegram lets a bot download."""
READ_TIMEOUT_S = 15.0
FETCH_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Question:
    """What to ask about a document; `cut` when only its beginning fits."""

    text: str
    cut: bool


def kind_of(file: File) -> str | None:
    """Return how to read a file, by the end of its name; None when we cannot."""
    kind = PurePosixPath(file.file_name.lower()).suffix.removeprefix(".")
    return kind if kind in READERS else None


async def question_about(turn: Turn, file: File, caption: str) -> Question | None:
    """Return the question, or None when the person was told why there is none."""
    kind = kind_of(file)
    if kind is None:
        await turn.reply("file_kind")
        return None
    if file.file_size > LARGEST_BYTES:
        await turn.reply("file_large")
        return None
    async with asyncio.timeout(FETCH_TIMEOUT_S):
        content = await turn.parts.sender.download(file.file_id)
    try:
        text = await read(kind, content)
    except UnreadableDocument:
        await turn.reply("file_unreadable")
        return None
    asked = caption or turn.say("file_question")
    quoted = turn.say("file_quoted", text=text[:MOST_CHARACTERS])
    return Question(f"{asked}\n\n{quoted}", cut=len(text) > MOST_CHARACTERS)


async def read(kind: str, content: bytes) -> str:
    """Return a document's text. Raises UnreadableDocument."""
    command = (sys.executable, "-m", "telegram_service.answering.document_reader", kind)
    child = await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={}
    )
    try:
        async with asyncio.timeout(READ_TIMEOUT_S):
            text, _ = await child.communicate(content)
    except TimeoutError as error:
        raise UnreadableDocument("too slow") from error
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode:
        raise UnreadableDocument(f"status {child.returncode}")
    return text.decode("utf-8", "replace")
