"""The question in one or more messages: what was typed, what is quoted, and what the files say."""

from collections.abc import Sequence
from dataclasses import dataclass

from telegram_service.answering.attachments import ReadFile, read_attachments
from telegram_service.answering.document_reader import MAX_CHARACTERS
from telegram_service.answering.joining import SPLIT_AT_UNITS
from telegram_service.answering.kept_document import (
    DocumentUse,
    KeptDocument,
    keep_document,
    read_with_document,
)
from telegram_service.answering.quota import over_quota, tell_help_lines
from telegram_service.answering.update_context import UpdateContext
from telegram_service.channels.markdown import units
from telegram_service.channels.update import Attachment, IncomingMessage

MAX_NAME_CHARACTERS = 60
MAX_QUOTED_CHARACTERS = 1_000
"""Of a message that a reply is about."""


@dataclass(frozen=True)
class Question:
    """A question as it is asked; `notes` name the sentences to say with its answer.

    `document` is what came with it, or what its conversation keeps.
    """

    text: str
    notes: tuple[str, ...] = ()
    document: DocumentUse | None = None


async def read_question(context: UpdateContext, typed: str) -> Question | None:
    """Return the question, or None after a reply that says why there is none.

    Files are counted against the person's quota before anything is downloaded or read.
    """
    parts = context.messages
    files = [attachment for part in parts for attachment in part.attachments]
    if files and await over_quota(context, typed):
        return None
    read = await read_attachments(context, files)
    if read is None:
        return None
    typed, forwarded = _spoken(files, read, typed)
    quotes = [*await _quotes(context, parts), *forwarded]
    quoted = [context.say("message_quoted", text=text) for text in quotes]
    quoted += _documents(context, read)
    refusals = tuple(dict.fromkeys(each.refusal for each in read if each.refusal))
    notes = refusals + tuple({each.note for each in read if each.note})
    unread = any(
        each.refusal or not (each.text or file.is_recording)
        for file, each in zip(files, read, strict=True)
        if file.kind == "document"
    )
    if not quoted and (not typed or unread):  # a question about a document needs the document
        await tell_help_lines(context, typed)
        await _refuse(context, parts, refusals)
        return None
    question = typed or context.say(_default_question(files))
    document = await _document(context, files, read, typed)
    return Question("\n\n".join((question, *quoted)), notes, document)


def typed_text(parts: Sequence[IncomingMessage]) -> str:
    """Return what the person typed: the pieces of a split text joined, other messages by lines."""
    text = before = ""
    for part in parts:
        piece = "" if part.forward_origin else part.text or part.caption
        apart = "" if not text or units(before) >= SPLIT_AT_UNITS else "\n"
        text += f"{apart}{piece}" if piece else ""
        before = piece
    return text


async def _document(
    context: UpdateContext, files: Sequence[Attachment], read: Sequence[ReadFile], typed: str
) -> DocumentUse | None:
    """Keep the documents that were sent, as one; return them, or the one of the conversation."""
    sent = [(file, each) for file, each in zip(files, read, strict=True)
            if each.text and not each.spoken]  # fmt: skip
    if not sent:
        return await read_with_document(context, typed)
    text = "\n\n".join(each.text for _, each in sent)
    cut = len(text) > MAX_CHARACTERS or any(each.cut for _, each in sent)
    name = sent[0][0].file.file_name[:MAX_NAME_CHARACTERS]
    document = KeptDocument(name, text[:MAX_CHARACTERS], cut)
    await keep_document(context, document)
    return DocumentUse("sent", document)


def _spoken(
    files: Sequence[Attachment], read: Sequence[ReadFile], typed: str
) -> tuple[str, list[str]]:
    """Return what was typed and said, and what is said in recordings that were forwarded."""
    said = [(file, each.text) for file, each in zip(files, read, strict=True) if each.spoken]
    own = [text for file, text in said if not file.forwarded]
    forwarded = [text for file, text in said if file.forwarded]
    return "\n\n".join(filter(None, (typed, *own))), forwarded


def _documents(context: UpdateContext, read: Sequence[ReadFile]) -> list[str]:
    """Return the files' texts, quoted, together no longer than one may be."""
    room, quoted = MAX_CHARACTERS, []
    for each in read:
        if not each.spoken and (text := each.text[:room]):
            room -= len(text)
            quoted.append(context.say("file_quoted", text=text))
    return quoted


async def _quotes(context: UpdateContext, parts: Sequence[IncomingMessage]) -> list[str]:
    """Return the texts that the messages are about: forwarded, replied to, or quoted from these."""
    found = []
    for part in parts:
        if part.forward_origin:
            found.append((part.text or part.caption)[:MAX_CHARACTERS])
        elif part.quote and part.quote.text:
            found.append(part.quote.text[:MAX_QUOTED_CHARACTERS])
        elif part.reply_to_message and not await _is_known(context, part.reply_to_message):
            replied = part.reply_to_message
            found.append((replied.text or replied.caption)[:MAX_QUOTED_CHARACTERS])
    return [text for text in found if text.strip()]


async def _is_known(context: UpdateContext, replied: IncomingMessage) -> bool:
    """Whether ai_core has a message already: one of ours, in a conversation that goes on."""
    ours = replied.sender is not None and str(replied.sender.id) == context.channel.account
    if not ours:
        return False
    session = await context.services.sessions.get(context.address)
    return session.conversation is not None


def _default_question(files: Sequence[Attachment]) -> str:
    return "file_question" if files else "message_question"


async def _refuse(
    context: UpdateContext, parts: Sequence[IncomingMessage], refusals: Sequence[str]
) -> None:
    """Say, once for all messages, why there is no question in them."""
    if refusals:
        await context.reply(refusals[0])
    elif context.chat.is_private and any(part.is_unreadable for part in parts):
        await context.reply("no_such_kind")
