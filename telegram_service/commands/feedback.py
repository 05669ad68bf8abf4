"""👍 and 👎 under an answer; a 👎 asks why.

The other buttons (sources, questions) stay, and the thumb that was given is marked; pressing
another one changes it. Where the pressed message is not shown any more, the question why is a new
one.
"""

from typing import Literal

from telegram_service.answering.final_text import thumbs
from telegram_service.answering.update_context import UpdateContext
from telegram_service.channels.message import Button, OutgoingMessage, Rows
from telegram_service.state.records import FeedbackGiven

REASONS = ("wrong", "source", "unclear", "beside")
ACTIONS = frozenset({"up", "down", "why"})


async def up(context: UpdateContext, value: str) -> None:
    """Record a thumb up and mark it."""
    if await record_feedback(context, value, 1, None):
        await replace_thumbs(context, (thumbs(context, value, given="up"),))


async def down(context: UpdateContext, value: str) -> None:
    """Record a thumb down, mark it and offer reasons."""
    if not await record_feedback(context, value, -1, None):
        return
    buttons = [
        context.button(context.say(f"why_{name}"), "why", f"{value}:{name}") for name in REASONS
    ]
    rows = (tuple(buttons[:2]), tuple(buttons[2:]))
    marked = thumbs(context, value, given="down")
    if not await replace_thumbs(context, (*rows, marked)):
        await context.reply("why", rows)


async def why(context: UpdateContext, value: str) -> None:
    """Record the reason, and mark the thumb."""
    answer, _, reason = value.rpartition(":")
    known = reason if reason in REASONS else None
    if await record_feedback(context, answer, -1, known):
        await replace_thumbs(context, (thumbs(context, answer, given="down"),))


async def record_feedback(
    context: UpdateContext, answer: str, thumb: Literal[-1, 1], reason: str | None
) -> bool:
    """Put feedback into the journal and count it; a reason is not counted again.

    Whether the button names an answer.
    """
    update_id, _, answer_id = answer.partition(":")
    if not update_id.isdecimal():
        return False
    record = FeedbackGiven(
        person=context.person.id,
        at=context.services.clock.now(),
        update_id=int(update_id),
        chat=context.chat.id,
        thumb=thumb,
        reason=reason,
        answer_id=answer_id or None,
    )
    await context.services.journal.put(record)
    if reason is None:
        await context.services.counters.add("thumbs_up" if thumb > 0 else "thumbs_down")
    return True


async def replace_thumbs(context: UpdateContext, rows: Rows) -> bool:
    """Put these rows in place of the thumbs under the message whose button was pressed.

    False where a channel changes nothing that was sent, or the message's buttons are not known.
    """
    query = context.update.callback_query
    message = query.message if query else None
    if message is None or not message.reply_markup.inline_keyboard or not context.channel.edits:
        return False
    kept = tuple(
        tuple(
            Button(label=each.text, data=each.callback_data or None, url=each.url or None)
            for each in row
        )
        for row in message.reply_markup.inline_keyboard
        if not any(is_thumb(context, each.callback_data) for each in row)
    )
    changed = OutgoingMessage(text="", buttons=(*kept, *rows))
    await context.channel.set_buttons(context.address, message.message_id, changed)
    return True


def is_thumb(context: UpdateContext, data: str) -> bool:
    """Whether a button is a thumb or a reason."""
    action = context.services.buttons.read(context.chat.id, data)
    return action is not None and action.name in ACTIONS
