"""Buttons under an answer that ask: a choice of our question back, or a question that may follow.

Telegram sends the message with its buttons back, so the text is the label of the one pressed; its
signature shows that we wrote it for this chat.
"""

from telegram_service.answering.conversation import converse
from telegram_service.answering.update_context import UpdateContext
from telegram_service.channels.message import OutgoingMessage
from telegram_service.channels.update import CallbackQuery
from telegram_service.queue.update_queue import Outcome


async def ask(context: UpdateContext, query: CallbackQuery) -> Outcome:
    """Show what was chosen, and answer it as if the person had written it."""
    services, label = context.services, query.pressed
    allowed = services.settings.bot.allowed_users
    refusal = "" if label else "old_button"
    if allowed and context.person.id not in allowed:
        refusal = "not_invited"
    await context.answer_press(query.id, context.say(refusal) if refusal else "")
    if refusal:
        return "answered"
    if context.channel.edits:  # elsewhere the person's app shows what was chosen
        await context.send("asked", OutgoingMessage(text=f"💬 {label}"))
    return await converse(context, label)
