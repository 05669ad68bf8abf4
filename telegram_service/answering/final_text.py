"""An answer as one message: what leads, what is folded, what closes, and its buttons.

A chat is read on a phone, so at most HEAD_CHARS stand open: the short answer, conditions, what to
do next. The texts of the law go into an expandable quotation. Who can help is never folded.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.ai.answer_parts import AnswerParts, answer_parts
from shared.ai.contract import AnswerSection, Citation
from shared.ai.stream import Usage
from shared.distress import is_help_lines
from shared.privacy.disclosure import masked_in_words
from shared.privacy.masking import Found, unmask
from telegram_service.answering.kept_agreement import FORGET
from telegram_service.answering.kept_document import (
    DocumentUse,
    document_remarks,
    reask_buttons,
)
from telegram_service.answering.update_context import UpdateContext
from telegram_service.channels.message import Button, FoldedText, Rows

HEAD_CHARS = 1_200
BUTTONS_PER_ROW = 3
MAX_SOURCES = 9
MAX_QUESTIONS = 8
LABEL_CHARACTERS = 24
ASK = "ask"
"""Action of a button whose label is asked as the person's next message."""
CLAUSE_AFTER = " – "
_ITEM = re.compile(r"\n(?=- )")


@dataclass
class Answer:
    """What ai_core has answered so far.

    `masked` is what was masked in the question; `kept_agreement` the number of the collective
    agreement that is the person's from this answer on; `document` how it was asked with one.
    """

    text: str = ""
    citations: Sequence[Citation] = ()
    usage: Usage | None = None
    stopped: bool = False
    masked: Found = field(default_factory=lambda: Found({}, {}))
    kept_agreement: str | None = None
    document: DocumentUse | None = None


def final_text(context: UpdateContext, answer: Answer, notes: Sequence[str] = ()) -> FoldedText:
    """Return the final text: the answer, then the notices it does not contain already.

    `notes` name sentences about what was asked with: a picture that was not read.
    """
    text = unmask(answer.text, answer.masked).strip()
    sections = [
        section.model_copy(update={"text": unmask(section.text, answer.masked)})
        for section in (answer.usage.sections if answer.usage else ())
    ]
    parts = answer_parts(text, sections)
    opened, rest = _opened(parts)
    remarks, tail = _closing(parts.closing, answer.usage)
    remarks += [sentence for key, sentence in notices(context, answer.usage) if key not in text]
    if answer.kept_agreement:
        remarks.append(context.say("agreement_kept", name=f"IDCC {answer.kept_agreement}"))
    if answer.stopped:
        remarks.append(context.say("stopped_answer"))
    remarks += [context.say(note) for note in notes]
    remarks += document_remarks(context, answer.document)
    if not (answer.usage and answer.usage.notice and answer.usage.notice in text):
        tail.append(footer(context, answer.usage))
    if answer.masked.counts:
        what = masked_in_words(context.services.texts, answer.masked.counts, context.language)
        tail.append(context.say("masked", what=what))
    folded = "\n\n".join((*rest, *map(_written, parts.folded)))
    return FoldedText(
        "\n\n".join(filter(None, (_lead(parts.lead), *opened, *remarks))),
        _without_paragraphs(folded, {citation.url for citation in answer.citations}),
        "\n\n".join(tail),
        cut=context.say("texts_cut"),
    )


def _closing(closing: str, usage: Usage | None) -> tuple[list[str], list[str]]:
    """Return the remarks that follow the sections, and the paragraph with the notice."""
    paragraphs = [each for each in closing.split("\n\n") if each.strip()]
    notice = usage.notice if usage else ""
    noticed = [each for each in paragraphs if notice and notice in each]
    return [each for each in paragraphs if each not in noticed], noticed


def _lead(lead: str) -> str:
    """Return what leads, with the sentence that says who to call set off."""
    return "\n\n".join(
        f"🆘 **{paragraph}**" if is_help_lines(paragraph) else paragraph
        for paragraph in lead.split("\n\n")
    )


def _opened(parts: AnswerParts) -> tuple[list[str], list[str]]:
    """Return the sections that stand open, and what of them has no room, whole items each."""
    room = HEAD_CHARS - len(parts.lead)
    opened, rest = [], []
    for section in parts.read_first:
        if section.kind == "help":
            opened.append(_written(section))
            continue
        kept: list[str] = []
        items = _ITEM.split(section.text)
        while items and len(items[0]) <= room:
            room -= len(items[0])
            kept.append(items.pop(0))
        if kept:
            opened.append(_written(section, "\n".join(kept)))
        if items:
            room = 0
            rest.append(_written(section, "\n".join(items)))
    return opened, rest


def _written(section: AnswerSection, text: str = "") -> str:
    return f"**{section.title}**\n\n{text or section.text}"


def _without_paragraphs(text: str, left_out: set[str]) -> str:
    """Return a text without the paragraphs that are one of these: buttons have the addresses."""
    return "\n\n".join(each for each in text.split("\n\n") if each.strip() not in left_out)


def notices(context: UpdateContext, usage: Usage | None) -> list[tuple[str, str]]:
    """Return the question back and the contact, each after words that an answer with it has."""
    found: list[tuple[str, str]] = []
    if usage and usage.clarification:
        asked = usage.clarification.question
        found.append((asked, f"❓ {asked}"))
    if usage and usage.abstained:
        contact = usage.abstained.contact
        found.append((contact.url, context.say("contact", name=contact.name, url=contact.url)))
    return found


def footer(context: UpdateContext, usage: Usage | None) -> str:
    """Return what an AI's answer is worth, and the date of the law."""
    worth = context.say("footer")
    if usage and usage.corpus_date:
        worth += " " + context.say("footer_date", date=f"{usage.corpus_date:%d/%m/%Y}")
    return worth


def answer_buttons(context: UpdateContext, answer: Answer) -> Rows:
    """Return the buttons under an answer: what to ask next, its sources, then the thumbs."""
    usage = answer.usage
    choices = usage.clarification.choices if usage and usage.clarification else []
    suggestions = usage.suggestions[: max(0, MAX_QUESTIONS - len(choices))] if usage else []
    next_messages = [*choices, *suggestions]
    questions = [
        (context.button(message, ASK, str(number)),) for number, message in enumerate(next_messages)
    ]
    citations = {source_key(citation): citation for citation in answer.citations}
    sources = [
        source_button(context, citation) for citation in list(citations.values())[:MAX_SOURCES]
    ]
    rows = [
        tuple(sources[first : first + BUTTONS_PER_ROW])
        for first in range(0, len(sources), BUTTONS_PER_ROW)
    ]
    if asks_again := reask_buttons(context, answer.document):
        rows.insert(0, asks_again)
    if answer.kept_agreement:
        undo = context.button(context.say("button_forget"), FORGET, answer.kept_agreement)
        rows.append((undo,))
    answered = str(context.update.update_id)
    name = f"{answered}:{usage.answer_id}" if usage and usage.answer_id else answered
    return (*questions, *rows, thumbs(context, name))


def thumbs(context: UpdateContext, answer: str, given: str = "") -> tuple[Button, ...]:
    """Return the thumbs under an answer; the one `given` is marked.

    `answer` is the number of its update, and behind a colon the id that ai_core gave it.
    """
    return tuple(
        context.button(f"{sign} ✓" if action == given else sign, action, answer)
        for action, sign in (("up", "👍"), ("down", "👎"))
    )


def source_key(citation: Citation) -> str:
    """Return what two citations of one source share: clauses may have one number, or none."""
    return citation.id if citation.kind == "agreement" else citation.number or citation.url


def source_name(citation: Citation) -> str:
    """Return the name of a source; of an agreement's clause its article and its own heading.

    Its title begins with the agreement's, its number ("IDCC 1486 art. 15") with the agreement's.
    """
    if citation.kind != "agreement":
        return citation.title
    article = citation.number.partition(" art. ")[2]
    heading = citation.title.rpartition(CLAUSE_AFTER)[2] if CLAUSE_AFTER in citation.title else ""
    named = (f"Art. {article}" if article else "", heading)
    return " ".join(filter(None, named)) or citation.title


def source_button(context: UpdateContext, citation: Citation) -> Button:
    """Return a button that shows an article here, or opens another source's address."""
    data = context.services.buttons.data(context.chat.id, "art", citation.number)
    if citation.kind == "article" and data:
        return Button(label=citation.number, data=data)
    label = source_name(citation)
    if len(label) > LABEL_CHARACTERS:
        label = label[: LABEL_CHARACTERS - 1] + "…"
    return Button(label=label, url=citation.url)
