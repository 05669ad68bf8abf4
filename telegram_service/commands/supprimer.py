"""/supprimer: erases a person's data, after two confirmations, with a receipt (GDPR, article 17).

Erased: Redis (sessions, preferences, dead letters), Postgres (messages, preferences, feedback, the
person), and the private conversations in ai_core. Kept: a receipt that holds a fingerprint instead
of the person. A group's conversation in ai_core is the group's, and expires.
"""

import hashlib

from shared.clock import PARIS
from telegram_service.answering.update_context import UpdateContext

CONFIRMED = "sure"


async def run(context: UpdateContext, _arguments: str) -> None:
    """Ask for the first confirmation."""
    if not context.chat.is_private:
        await context.reply("in_private")
        return
    await context.reply("erase_ask", ((context.button(context.say("erase_button"), "erase"),),))


async def on_button(context: UpdateContext, value: str) -> None:
    """Ask for the second confirmation, then erase. Raises Unavailable, to be retried until done."""
    if value != CONFIRMED:
        again = context.button(context.say("erase_button_sure"), "erase", CONFIRMED)
        await context.edit_button_message(context.say("erase_sure"), ((again,),))
        return
    services, person = context.services, context.person.id
    await services.queue.stop_before(context.lease.chat, context.update.update_id)
    conversations = await services.sessions.conversations(context.chat.id)
    for conversation in conversations:
        await services.ai.erase_conversation(conversation)
    await services.journal.drain()
    receipt = await services.store.erase(
        person, receipt_id(context), services.clock.now(), len(conversations)
    )
    await services.queue.purge_dead_letters(context.lease.chat)
    await services.sessions.delete(context.chat.id)
    await services.preferences.delete(context.owner)
    await context.edit_button_message(
        context.say(
            "erase_done",
            messages=receipt.messages,
            conversations=receipt.conversations,
            receipt=receipt.id,
            date=f"{receipt.at.astimezone(PARIS):%d/%m/%Y %H:%M}",
        )
    )


def receipt_id(context: UpdateContext) -> str:
    """Return the receipt's number: the same for the same button press, without personal data."""
    seed = f"{context.services.bot.id}:{context.update.update_id}:{context.update.callback_query}"
    return hashlib.sha256(seed.encode()).hexdigest()[:12].upper()
