"""Answers one question: quota → masking → ai_core, previewed meanwhile → sent → recorded.

Once per update, however often a worker crashes in between: the answer is stored before it is sent,
the outbox sends each of its messages once, and recording is idempotent. While ai_core is
unavailable the question stays in the queue and is asked again.
"""

import asyncio
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace

import structlog
from pydantic import TypeAdapter

from shared.ai.contract import MAX_PROMPT_CHARACTERS, ChatRequest, Message
from shared.ai.stream import Citations, Delta, Piece, Queued, Usage
from shared.errors import AppError, BadInput, NotFound, TooMany, Unavailable
from shared.privacy.plain_text import without_invisible
from telegram_service.addresses import channel_of
from telegram_service.answering.final_text import Answer, answer_buttons, final_text
from telegram_service.answering.kept_agreement import keep_agreement
from telegram_service.answering.kept_document import DocumentUse, with_document
from telegram_service.answering.live_preview import LivePreview
from telegram_service.answering.quota import over_quota, tell_help_lines
from telegram_service.answering.update_context import UpdateContext
from telegram_service.channels.channel import Priority
from telegram_service.channels.message import FoldedText, OutgoingMessage, Rows
from telegram_service.errors import AiAway, ChannelRefused
from telegram_service.queue.update_queue import Outcome
from telegram_service.state.preferences import LENGTHS
from telegram_service.state.records import MessageRecorded, PersonSeen
from telegram_service.vault import ANSWER

log = structlog.get_logger()

MESSAGES = TypeAdapter(list[OutgoingMessage])
EXTRACTIVE = "extractive"
"""The engine without a model: it still answers when a model cannot."""
RETRY_NOW_S = 0.1


async def converse(
    context: UpdateContext,
    question: str,
    document: DocumentUse | None = None,
    *,
    notes: Sequence[str] = (),
) -> Outcome:
    """Answer a question, asked with a document or beside one; `notes` name sentences to say with
    the answer.

    Raises AiAway, after which the same update is to be tried again.
    """
    if context.stopped.is_set():
        await left_to_edit(context)
        return "stopped"
    question = without_invisible(with_document(context, question, document)).replace("\0", "")
    question = question.strip()
    if not question:
        return "ignored"
    if await over_quota(context, question):
        return "answered"
    if len(question) > MAX_PROMPT_CHARACTERS:
        await tell_help_lines(context, question)
        await context.reply("too_long", characters=len(question), limit=MAX_PROMPT_CHARACTERS)
        return "answered"
    if context.message:
        asked = [message.message_id for message in context.messages]
        await context.services.sessions.set_last_question(context.address, asked)
    await context.services.sessions.set_language(context.address, context.language)
    stored = await stored_answer(context, question, document, notes)
    if stored is None:
        return "stopped"
    await deliver(context, MESSAGES.validate_json(stored))
    await context.services.counters.observe("final", context.age_ms)
    return "answered"


async def stored_answer(
    context: UpdateContext, question: str, document: DocumentUse | None, notes: Sequence[str]
) -> bytes | None:
    """Return the messages of the answer as JSON: those of before a crash, else new ones.

    None where the question was edited meanwhile.
    """
    if sealed := context.outbox.get("answer"):
        return context.services.vault.open(sealed, ANSWER)
    try:
        return await write_answer(context, question, document, notes)
    except AiAway:
        await tell_help_lines(context, question)
        raise


async def write_answer(
    context: UpdateContext, question: str, document: DocumentUse | None, notes: Sequence[str]
) -> bytes | None:
    """Get the answer, with a live preview; store its messages sealed, and return them as JSON.

    None where the question was edited meanwhile: the edit is answered, which waits as an update.
    """
    masked = await context.services.masker.mask(question)
    preview = LivePreview(context)
    await preview.show_first_sign()
    previewing = asyncio.create_task(preview.run(), name="preview")
    try:
        answer = await ask(context, await with_speaker(context, masked.text), preview)
    except (BadInput, NotFound) as refusal:
        answer = Answer(await refusal_text(context, refusal))
    finally:
        previewing.cancel()
        await asyncio.wait([previewing])
    if await left_to_edit(context):
        return None
    answer.masked = masked.found
    answer.document = document
    if not await context.is_erased():
        answer.kept_agreement = await keep_agreement(context, answer.usage)
    text, buttons = final_text(context, answer, notes), answer_buttons(context, answer)
    if text.folded and not context.channel.folds and context.preferences.history:
        text, buttons = await fold_away(context, text, buttons)
    messages = context.channel.compose(text, buttons, context.reply_to)
    stored = MESSAGES.dump_json(list(messages))
    await record_exchange(context, question, answer)
    await context.outbox.write(answer=context.services.vault.seal(stored, ANSWER))
    return stored


async def left_to_edit(context: UpdateContext) -> bool:
    """Return whether the question was edited; its placeholder is then the edit's."""
    message = context.message
    if message is None or not await context.services.queue.is_edited(context.lease):
        return False
    placeholder = context.outbox.message_id("placeholder")
    await context.services.sessions.hand_over(context.address, message.message_id, placeholder)
    return True


async def ask(context: UpdateContext, question: str, preview: LivePreview) -> Answer:
    """Ask ai_core; when the chosen model cannot answer, fall back to the extractive engine.

    Raises AiAway, BadInput, NotFound.
    """
    services, model = context.services, context.preferences.model
    async with services.slots.acquire(context.update.update_id, preview.show_position):
        try:
            return await stream(context, question, preview, model)
        except (Unavailable, TooMany) as error:
            reason = error
        except NotFound as error:
            if str(error) != "unknown_conversation":
                raise
            await services.sessions.end(context.address)
            raise Unavailable("the conversation has ended", retry_after_s=RETRY_NOW_S) from error
        if model not in {None, EXTRACTIVE} and not services.ai.down:
            preview.text = ""
            try:
                return await stream(context, question, preview, EXTRACTIVE)
            except (Unavailable, TooMany) as error:
                reason = error
    raise AiAway(str(reason), retry_after_s=reason.retry_after_s) from reason


async def stream(
    context: UpdateContext, question: str, preview: LivePreview, model: str | None
) -> Answer:
    """Receive one answer; disconnect, which cancels it in ai_core, when the person stops it."""
    session = await context.services.sessions.get(context.address)
    chosen = context.preferences
    request = ChatRequest(
        messages=[Message(role="user", content=question)],
        conversation_id=session.conversation if chosen.history else None,
        store=chosen.history,
        model=model,
        max_tokens=LENGTHS[chosen.length],
        agreement=chosen.agreement,
        stream=True,
    )
    answer = Answer()
    pieces = context.services.ai.stream(
        request,
        language=context.language,
        channel=channel_of(context.address.chat),
        request_id=f"update-{context.lease.update_id}",  # as the worker's own lines name it
    )
    async with aclosing(pieces), aclosing(until_stopped(context.stopped, pieces)) as received:
        async for piece in received:
            match piece:
                case Queued():
                    preview.wait = piece
                case Delta():
                    answer.text += piece.text
                    preview.text, preview.wait = answer.text, None
                case Citations():
                    answer.citations = piece.items
                case Usage():
                    answer.usage = piece
                    context.speak(piece.language)
    answer.stopped = context.stopped.is_set()
    return answer


async def until_stopped(
    stopped: asyncio.Event, pieces: AsyncIterator[Piece]
) -> AsyncGenerator[Piece, None]:
    """Yield pieces until they end or the person stops them, even while none comes."""
    stopping = asyncio.create_task(stopped.wait())
    try:
        while not stopped.is_set():
            step = asyncio.ensure_future(anext(pieces, None))
            try:
                await asyncio.wait({step, stopping}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not step.done():
                    step.cancel()
                    await asyncio.wait([step])
            if step.cancelled() or (piece := step.result()) is None:
                return
            yield piece
    finally:
        stopping.cancel()


async def with_speaker(context: UpdateContext, question: str) -> str:
    """Return the question as the model gets it: in a group, after the speaker's pseudonym."""
    if context.chat.is_private:
        return question
    sessions = context.services.sessions
    pseudonym = await sessions.pseudonym(context.address, context.person.id)
    return f"{pseudonym} : {question}"


async def refusal_text(context: UpdateContext, error: AppError) -> str:
    """Return the reply to a question that ai_core refuses; deselect what it does not know."""
    model = context.preferences.model
    if str(error) == "unknown_model" and model:
        await context.choose(model=None)
        return context.say("model_gone", model=model)
    if str(error) == "unknown_agreement":
        written = context.preferences.agreement or ""
        await context.choose(agreement=None, agreement_name="")
        return context.say("agreement_gone", written=written)
    return context.say("refused_question", sentence=str(error.facts.get("sentence", "")))


async def fold_away(
    context: UpdateContext, text: FoldedText, buttons: Rows
) -> tuple[FoldedText, Rows]:
    """Return an answer without what it folds, which is kept for one more button."""
    update_id = context.update.update_id
    await context.services.folded_texts.put(context.chat.id, update_id, text.folded)
    if await context.is_erased():
        await context.services.folded_texts.delete(context.chat.id)
    opening = context.button(context.say("button_sources"), "src", str(update_id))
    return replace(text, folded=""), ((opening,), *buttons)


async def deliver(context: UpdateContext, messages: Sequence[OutgoingMessage]) -> None:
    """Send what was not sent yet: the first message into the placeholder, if there is one."""
    placeholder = context.outbox.message_id("placeholder")
    for number, message in enumerate(messages):
        part = f"final/{number}"
        if number == 0 and placeholder:
            try:
                await context.outbox.edit(part, context.address, placeholder, message)
            except ChannelRefused as refusal:
                log.info("placeholder deleted", reason=str(refusal))
            else:
                continue
        await context.outbox.send(part, context.address, message, Priority.FINAL)


async def record_exchange(context: UpdateContext, question: str, answer: Answer) -> None:
    """Put question and answer into the journal, encrypted, unless the history is off.

    What the person has meanwhile asked to erase is not kept, and its conversation erased.
    """
    services, now = context.services, context.services.clock.now()
    if await context.is_erased():
        if answer.usage and answer.usage.conversation_id and context.chat.is_private:
            await services.ai.erase_conversation(answer.usage.conversation_id)
        return
    await services.journal.put(PersonSeen(person=context.person.id, at=now))
    if not context.preferences.history:
        return
    if answer.usage and (conversation := answer.usage.conversation_id):
        await services.sessions.set_conversation(context.address, conversation)
    await services.journal.put(
        *(
            MessageRecorded(
                person=context.person.id,
                at=now,
                update_id=context.update.update_id,
                author=author,
                chat=context.chat.id,
                thread=context.thread or 0,
                body=b64encode(services.store.seal(text)),
                model=answer.usage.model if answer.usage and author == "assistant" else None,
                due=now + context.retention,
            )
            for author, text in (("person", question), ("assistant", answer.text))
        )
    )
