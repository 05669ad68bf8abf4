"""The story of a question: quota → masking → ai_core, shown as it comes → final → kept.

Told once per update, however often a worker dies in between: the answer is stored before it is
sent, each message of it has its place in the outbox, and what is stored afterwards is written
once. While ai_core is away the question stays where it is, and is asked again.
"""

import asyncio
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

import structlog
from pydantic import TypeAdapter

from shared.ai.client import Citations, Delta, Piece, Usage
from shared.ai.contract import MAX_PROMPT_CHARACTERS, ChatRequest, Citation, Message
from shared.errors import AppError, BadInput, NotFound, TooMany, Unavailable
from shared.privacy.masking import Found, mask, unmask
from shared.privacy.plain_text import without_invisible
from telegram_service.answering.live_preview import Scribe
from telegram_service.answering.update_context import Rows, Turn
from telegram_service.errors import AiAway, TelegramRefused
from telegram_service.queue.update_queue import Outcome
from telegram_service.sending.formatting import Button, Letter, letters
from telegram_service.sending.sender import Priority
from telegram_service.state.preferences import LENGTHS
from telegram_service.state.records import Said, Seen

log = structlog.get_logger()

LETTERS = TypeAdapter(list[Letter])
EXTRACTIVE = "extractive"
"""The engine without a model: it still answers when a model cannot."""
AT_ONCE_S = 0.1
BUTTONS_PER_ROW = 3
MOST_SOURCES = 9
LABEL_CHARACTERS = 24


@dataclass
class Answer:
    """What ai_core said, as far as it came."""

    text: str = ""
    citations: Sequence[Citation] = ()
    usage: Usage | None = None
    stopped: bool = False
    found: Found = field(default_factory=lambda: Found({}, {}))


async def converse(turn: Turn, question: str, *, cut: bool = False) -> Outcome:
    """Answer a question. Raises AiAway to be called again later, with the same turn."""
    if turn.stopped.is_set():
        return "stopped"
    limit = await turn.parts.throttle.reached(turn.person.id, turn.update.update_id)
    if limit:
        await turn.reply(f"quota_{limit}")
        return "answered"
    question = without_invisible(question).strip()
    if len(question) > MAX_PROMPT_CHARACTERS:
        await turn.reply("too_long", characters=len(question), limit=MAX_PROMPT_CHARACTERS)
        return "answered"
    if turn.post:
        await turn.parts.sessions.asked(turn.place, turn.post.message_id)
    stored = turn.record.get("answer")
    if stored is None:
        stored = await compose(turn, question, cut=cut)
    await deliver(turn, LETTERS.validate_json(stored))
    await turn.parts.counter.observe("final", turn.age_ms)
    return "answered"


async def compose(turn: Turn, question: str, *, cut: bool) -> bytes:
    """Have the answer written and shown meanwhile; store it and return it as letters."""
    masked = mask(question)
    scribe = Scribe(turn)
    await scribe.begin()
    showing = asyncio.create_task(scribe.run(), name="scribe")
    try:
        answer = await ask(turn, await spoken(turn, masked.text), scribe)
    except (BadInput, NotFound) as refusal:
        answer = Answer(await refused(turn, refusal))
    finally:
        showing.cancel()
        await asyncio.wait([showing])
    answer.found = masked.found
    pages = letters(final_text(turn, answer, cut=cut), under(turn, answer), replied_to(turn))
    stored = LETTERS.dump_json(pages)
    await keep(turn, question, answer)
    await turn.record.write(answer=stored)
    return stored


async def ask(turn: Turn, question: str, scribe: Scribe) -> Answer:
    """Ask ai_core; when the chosen model cannot answer, ask for extracts of the law instead.

    Raises AiAway, BadInput, NotFound.
    """
    async with turn.parts.slots.one(turn.update.update_id, scribe.waits):
        try:
            return await stream(turn, question, scribe, turn.chosen.model)
        except (Unavailable, TooMany) as error:
            reason = error
        except NotFound as error:
            if str(error) != "unknown_conversation":
                raise
            await turn.parts.sessions.end(turn.place)
            raise Unavailable("the conversation has ended", retry_after_s=AT_ONCE_S) from error
        if turn.chosen.model not in {None, EXTRACTIVE} and not turn.parts.ai.down:
            scribe.text = ""
            try:
                return await stream(turn, question, scribe, EXTRACTIVE)
            except (Unavailable, TooMany) as error:
                reason = error
    raise AiAway(str(reason), retry_after_s=reason.retry_after_s) from reason


async def stream(turn: Turn, question: str, scribe: Scribe, model: str | None) -> Answer:
    """Receive one answer; hang up, which cancels the run in ai_core, when the person stops it."""
    session = await turn.parts.sessions.get(turn.place)
    request = ChatRequest(
        messages=[Message(role="user", content=question)],
        conversation_id=session.conversation if turn.chosen.history else None,
        model=model,
        max_tokens=LENGTHS[turn.chosen.length],
        agreement=turn.chosen.agreement,
        stream=True,
    )
    answer = Answer()
    pieces = turn.parts.ai.stream(request, language=turn.language)
    async with aclosing(pieces), aclosing(until(turn.stopped, pieces)) as heard:
        async for piece in heard:
            match piece:
                case Delta():
                    answer.text += piece.text
                    scribe.text = answer.text
                case Citations():
                    answer.citations = piece.items
                case Usage():
                    answer.usage = piece
    answer.stopped = turn.stopped.is_set()
    return answer


async def until(
    stopped: asyncio.Event, pieces: AsyncIterator[Piece]
) -> AsyncGenerator[Piece, None]:
    """Yield pieces until they end or the person stops them, even while none comes."""
    halt = asyncio.create_task(stopped.wait())
    try:
        while not stopped.is_set():
            step = asyncio.ensure_future(anext(pieces, None))
            try:
                await asyncio.wait({step, halt}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not step.done():
                    step.cancel()
                    await asyncio.wait([step])
            if step.cancelled() or (piece := step.result()) is None:
                return
            yield piece
    finally:
        halt.cancel()


async def spoken(turn: Turn, question: str) -> str:
    """Return the question as the model reads it: in a group, with the speaker's pseudonym."""
    if turn.chat.is_private:
        return question
    letter = await turn.parts.sessions.pseudonym(turn.place, turn.person.id)
    return f"{letter} : {question}"


async def refused(turn: Turn, error: AppError) -> str:
    """Return what to say when ai_core refuses the question; forget a model that is gone."""
    if str(error) == "unknown_model" and turn.chosen.model:
        gone = turn.chosen.model
        await turn.choose(model=None)
        return turn.say("switch_unknown", model=gone)
    return turn.say("refused_question", sentence=str(error.facts.get("sentence", "")))


def final_text(turn: Turn, answer: Answer, *, cut: bool) -> str:
    """Return the whole final text: the answer, what is owed to the reader, who can help.

    What the answer says itself, as extracts of the law do, is not said again.
    """
    text = unmask(answer.text, answer.found).strip()
    parts = [text]
    if answer.stopped:
        parts.append(turn.say("stopped_answer"))
    if cut:
        parts.append(turn.say("file_cut"))
    parts += [line for said, line in owed(turn, answer.usage) if not said or said not in text]
    if answer.found.counts:
        counts = answer.found.counts.items()
        what = ", ".join(turn.say(f"kind_{kind.value}", count=count) for kind, count in counts)
        parts.append(turn.say("masked", what=what))
    return "\n\n".join(parts)


def owed(turn: Turn, usage: Usage | None) -> list[tuple[str, str]]:
    """Return lines that belong to an answer, each with the words by which it says so already."""
    lines: list[tuple[str, str]] = []
    if usage and usage.clarification:
        lines.append((usage.clarification, f"❓ {usage.clarification}"))
    if usage and usage.abstained:
        contact = usage.abstained.contact
        lines.append((contact.url, turn.say("contact", name=contact.name, url=contact.url)))
    notice = turn.say("footer")
    if usage and usage.corpus_date:
        notice += " " + turn.say("footer_date", date=f"{usage.corpus_date:%d/%m/%Y}")
    lines.append((usage.notice if usage else "", notice))
    return lines


def under(turn: Turn, answer: Answer) -> Rows:
    """Return the buttons under an answer: its sources, then the thumbs."""
    sources = [source(turn, citation) for citation in unique(answer.citations)[:MOST_SOURCES]]
    rows = [
        tuple(sources[first : first + BUTTONS_PER_ROW])
        for first in range(0, len(sources), BUTTONS_PER_ROW)
    ]
    mine = str(turn.update.update_id)
    return (*rows, (turn.button("👍", "up", mine), turn.button("👎", "down", mine)))


def source(turn: Turn, citation: Citation) -> Button:
    """Return a button that shows an article here, or opens another source where it is."""
    data = turn.parts.buttons.data(turn.chat.id, "art", citation.number)
    if citation.kind == "article" and data:
        return Button(label=citation.number, data=data)
    label = citation.title
    if len(label) > LABEL_CHARACTERS:
        label = label[: LABEL_CHARACTERS - 1] + "…"
    return Button(label=label, url=citation.url)


def unique(citations: Sequence[Citation]) -> list[Citation]:
    """Return each source once, in order."""
    return list({citation.number: citation for citation in citations}.values())


def replied_to(turn: Turn) -> int | None:
    """Return the message a group's answer replies to."""
    return turn.post.message_id if turn.post and not turn.chat.is_private else None


async def deliver(turn: Turn, pages: Sequence[Letter]) -> None:
    """Send what was not sent yet: the first page into the placeholder, if there is one."""
    placeholder = turn.record.message_id("placeholder")
    for number, page in enumerate(pages):
        part = f"final/{number}"
        if number == 0 and placeholder:
            try:
                await turn.record.edit(part, turn.place, placeholder, page)
            except TelegramRefused as gone:
                log.info("placeholder gone", reason=str(gone))
            else:
                continue
        await turn.record.send(part, turn.place, page, Priority.FINAL)


async def keep(turn: Turn, question: str, answer: Answer) -> None:
    """Hand the exchange to the journal, sealed, unless the person wants no history."""
    parts, now = turn.parts, turn.parts.clock.now()
    await parts.journal.put(Seen(person=turn.person.id, at=now))
    if not turn.chosen.history:
        return
    if answer.usage and not answer.stopped:
        await parts.sessions.continued(turn.place, answer.usage.conversation_id)
    await parts.journal.put(
        *(
            Said(
                person=turn.person.id,
                at=now,
                update_id=turn.update.update_id,
                author=author,
                chat=turn.chat.id,
                thread=turn.thread or 0,
                body=b64encode(parts.store.seal(text)),
                model=answer.usage.model if answer.usage and author == "assistant" else None,
                due=now + turn.due_in(),
            )
            for author, text in (("person", question), ("assistant", answer.text))
        )
    )
