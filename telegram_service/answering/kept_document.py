"""A document stays with its conversation for an hour, so that questions about it are answered.

A question that speaks of a document, or that comes right after it and shares a word with it, is
asked with it; others without. A button asks again the other way.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from shared.languages import LANGUAGES
from shared.privacy.folding import fold
from telegram_service.answering.update_context import UpdateContext
from telegram_service.channels.message import Button

FILE = Path(__file__).parents[1] / "texts" / "document_words.toml"
DOCUMENT, QUESTION = "document", "question"
KEPT_S = 3_600
REASK = "doc"
"""Action of the button that asks the last question again; its value is `with` or `without`."""
_LONG_WORD = re.compile(r"[a-z]{5,}")


@dataclass(frozen=True)
class KeptDocument:
    """A document's name and text; `cut` where only its beginning is kept."""

    name: str
    text: str
    cut: bool


@dataclass(frozen=True)
class DocumentUse:
    """How a question goes with a document: sent with it, asked with it, or offered to be."""

    how: Literal["sent", "used", "offered"]
    document: KeptDocument


def _pattern() -> re.Pattern[str]:
    table = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return re.compile("|".join(f"(?:{mark})" for one in LANGUAGES for mark in table[one]["marks"]))


_SPEAKS_OF_IT = _pattern()


def speaks_of_document(question: str) -> bool:
    """Whether a question is about a document that was sent: "ce contrat", "in this letter"."""
    return bool(_SPEAKS_OF_IT.search(fold(question).folded))


def shares_words(question: str, document: str) -> bool:
    """Whether a long word of a question stands in a document."""
    words = _LONG_WORD.findall(fold(question).folded)
    return not set(words).isdisjoint(_LONG_WORD.findall(fold(document).folded))


async def read_with_document(context: UpdateContext, question: str) -> DocumentUse | None:
    """Return how a question goes with the document of the conversation; None without one.

    The first question after a document is about it already where it shares a long word with it.
    """
    document = await kept_document(context)
    if document is None:
        return None
    first = await last_question(context) in {"", question}
    await remember_question(context, question)
    about = speaks_of_document(question) or (first and shares_words(question, document.text))
    return DocumentUse("used" if about else "offered", document)


async def reask(context: UpdateContext, how: str) -> tuple[str, DocumentUse] | None:
    """Return the last question, to be asked `with` or `without` the document; None where either is
    not kept any more.
    """
    question, document = await last_question(context), await kept_document(context)
    if not question or document is None:
        return None
    return question, DocumentUse("used" if how == "with" else "offered", document)


async def keep_document(context: UpdateContext, document: KeptDocument) -> None:
    """Keep a document for the next questions, in place of an earlier one."""
    await context.services.session_texts.forget(context.address, QUESTION)
    texts = (document.name, document.text, "cut" if document.cut else "")
    await context.services.session_texts.keep(context.address, DOCUMENT, texts, KEPT_S)
    if await context.is_erased():
        await forget_document(context)


async def kept_document(context: UpdateContext) -> KeptDocument | None:
    """Return the document of the conversation, None without one."""
    texts = await context.services.session_texts.get(context.address, DOCUMENT)
    return KeptDocument(texts[0], texts[1], bool(texts[2])) if texts else None


async def remember_question(context: UpdateContext, question: str) -> None:
    """Keep the question, for the button that asks it again."""
    await context.services.session_texts.keep(context.address, QUESTION, (question,), KEPT_S)
    if await context.is_erased():
        await forget_document(context)


async def last_question(context: UpdateContext) -> str:
    """Return the last question, empty where it is not kept."""
    texts = await context.services.session_texts.get(context.address, QUESTION)
    return texts[0] if texts else ""


async def forget_document(context: UpdateContext) -> None:
    """Forget the document and the question."""
    await context.services.session_texts.forget(context.address, DOCUMENT, QUESTION)


def with_document(context: UpdateContext, question: str, use: DocumentUse | None) -> str:
    """Return a question, followed by the document it is asked with: quoted, for it is data.

    One that was sent with it stands in the question already.
    """
    if use is None or use.how != "used":
        return question
    return f"{question}\n\n{context.say('file_quoted', text=use.document.text)}"


def document_remarks(context: UpdateContext, use: DocumentUse | None) -> list[str]:
    """Return what is said of the document under an answer."""
    if use is None or use.how == "offered":
        return []
    name = use.document.name or context.say("document_unnamed")
    said = [context.say("file_cut")] if use.document.cut else []
    return [
        *said,
        context.say("document_kept" if use.how == "sent" else "document_used", name=name),
    ]


def reask_buttons(context: UpdateContext, use: DocumentUse | None) -> tuple[Button, ...]:
    """Return the button that asks the last question the other way, with or without the document."""
    if use is None or use.how == "sent":
        return ()
    how = "with" if use.how == "offered" else "without"
    return (context.button(context.say(f"button_{how}_document"), REASK, how),)
