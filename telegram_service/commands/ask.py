"""Buttons under an answer that ask: a choice of our question back, or a question that may follow.

Telegram sends the message with its buttons back, so the text is the label of the one pressed; its
signature shows that we wrote it for this chat. Another button asks the last question again, with
the document of the conversation or without it.
"""

from telegram_service.answering.conversation import converse
from telegram_service.answering.kept_document import read_with_document, reask
from telegram_service.answering.update_context import UpdateContext
from telegram_service.channels.message import OutgoingMessage
from telegram_service.channels.update import CallbackQuery
from telegram_service.queue.update_queue import Outcome

SHOWN_CHARACTERS = 200


async def ask(context: UpdateContext, query: CallbackQuery) -> Outcome:
    """Show what was chosen, and answer it as if the person had written it."""
    label = query.pressed
    if await refused(context, query, "" if label else "old_button"):
        return "answered"
    await context.hear(label)
    if context.channel.edits:  # elsewhere the person's app shows what was chosen
        await show(context, label)
    return await converse(context, label, await read_with_document(context, label))


async def ask_again(context: UpdateContext, query: CallbackQuery, how: str) -> Outcome:
    """Answer the last question again, `with` the document of the conversation or `without` it."""
    asked = await reask(context, how)
    if await refused(context, query, "" if asked else "document_gone") or asked is None:
        return "answered"
    question, use = asked
    await context.hear(question)
    await show(context, question[:SHOWN_CHARACTERS])
    return await converse(context, question, use)


async def show(context: UpdateContext, question: str) -> None:
    """Show a question that was chosen by a button."""
    message = OutgoingMessage(text=f"💬 {question}", reply_to=context.reply_to)
    await context.send("asked", message)


async def refused(context: UpdateContext, query: CallbackQuery, refusal: str) -> bool:
    """Acknowledge a press; whether it is refused, for this reason or because of who pressed."""
    allowed = context.services.settings.bot.allowed_users
    if allowed and context.person.id not in allowed:
        refusal = "not_invited"
    await context.answer_press(query.id, context.say(refusal) if refusal else "")
    return bool(refusal)
