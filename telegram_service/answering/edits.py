"""Edited messages: which of them are answered.

Telegram tells every edit, also when only a preview of an address has come or the words are the same
(Update, "edited_message"). An edit is answered when the words are others and the message was the
last question or the last command; in a group also when it was not addressed to the bot before.
An edit of a question that is being answered stops that answer (queue/lua/enqueue.lua).
"""

from collections.abc import Sequence

from telegram_service.answering.update_context import UpdateContext
from telegram_service.channels.channel import Priority
from telegram_service.channels.message import OutgoingMessage
from telegram_service.channels.update import IncomingMessage
from telegram_service.state.sessions import Asked
from telegram_service.vault import SESSION

FORGOTTEN_NAME_S = 3_600
"""How long after a message in a group the bot's name may be added to it."""


async def is_left_alone(context: UpdateContext, message: IncomingMessage, text: str) -> bool:
    """Return whether a message is an edit that is not to be answered."""
    replaced_a_waiting_message = context.update.update_id != context.lease.update_id
    if context.update.edited_message is None or replaced_a_waiting_message:
        return False
    sessions, address, number = context.services.sessions, context.address, message.message_id
    asked = await sessions.words_asked(address, number)
    last = (await sessions.get(address)).last_question
    is_last = number in {*last, await sessions.last_command(address)}
    if asked is None:
        late = message.edit_date - message.date > FORGOTTEN_NAME_S
        return not is_last and (context.chat.is_private or late)
    if asked.update_id == context.update.update_id:  # begun before a crash
        return False
    return not is_last or asked.words == _fingerprint(context, text)


async def remember_words(
    context: UpdateContext, messages: Sequence[IncomingMessage], text: str, *, command: bool
) -> None:
    """Record what messages say that are one question, so that an edit of each can be told from it.

    `text` is what they say together.
    """
    sessions, address = context.services.sessions, context.address
    for message in messages:
        words = text if len(messages) == 1 else message.text or message.caption
        asked = Asked(context.update.update_id, _fingerprint(context, words))
        await sessions.set_asked(address, message.message_id, asked, command=command)


async def end_placeholder(context: UpdateContext) -> None:
    """Say that the answer was stopped where an edit has left nothing to answer."""
    message = context.update.edited_message
    if message is None or not context.channel.edits:
        return
    sessions = context.services.sessions
    placeholder = await sessions.take_placeholder(context.address, message.message_id)
    if placeholder:
        stopped = OutgoingMessage(text=context.say("stopped_answer"))
        await context.channel.edit(context.address, placeholder, stopped, Priority.REPLY)


def _fingerprint(context: UpdateContext, text: str) -> str:
    return context.services.vault.fingerprint(text, SESSION).hex()
