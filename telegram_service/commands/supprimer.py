"""/supprimer: erase everything about a person, after two taps, with a receipt (GDPR, article 17).

Erased: Redis (sessions, choices, dead letters), Postgres (messages, choices, feedback, who), and
the private conversations in ai_core. Kept: a receipt that holds a fingerprint instead of the
person. What was said in a group is the group's conversation in ai_core, and ends by itself.
"""

import hashlib

from shared.clock import PARIS
from telegram_service.answering.update_context import Turn

SURE = "sure"


async def run(turn: Turn, _words: str) -> None:
    """Ask for the first tap."""
    if not turn.chat.is_private:
        await turn.reply("in_private")
        return
    await turn.reply("erase_ask", ((turn.button(turn.say("erase_button"), "erase"),),))


async def tapped(turn: Turn, value: str) -> None:
    """Ask for the second tap, then erase. Raises Unavailable to be done again until it is done."""
    if value != SURE:
        again = turn.button(turn.say("erase_button_sure"), "erase", SURE)
        await turn.edit_tapped(turn.say("erase_sure"), ((again,),))
        return
    parts, person = turn.parts, turn.person.id
    await parts.mailbox.stop_before(turn.lease.chat, turn.update.update_id)
    names = await parts.sessions.conversations(turn.chat.id)
    for name in names:
        await parts.ai.erase_conversation(name)
    await parts.journal.drain()
    receipt = await parts.store.erase(person, receipt_id(turn), parts.clock.now(), len(names))
    await parts.mailbox.exhume(turn.lease.chat)
    await parts.sessions.forget(turn.chat.id)
    await parts.preferences.forget(turn.owner)
    await turn.edit_tapped(
        turn.say(
            "erase_done",
            messages=receipt.messages,
            conversations=receipt.conversations,
            receipt=receipt.id,
            date=f"{receipt.at.astimezone(PARIS):%d/%m/%Y %H:%M}",
        )
    )


def receipt_id(turn: Turn) -> str:
    """Return the receipt's number: the same for the same tap, telling nothing of the person."""
    seed = f"{turn.parts.bot_id}:{turn.update.update_id}:{turn.update.callback_query}"
    return hashlib.sha256(seed.encode()).hexdigest()[:12].upper()
