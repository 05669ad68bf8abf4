"""👍 and 👎 under an answer; a 👎 asks why, with one more button."""

from typing import Literal

from telegram_service.answering.update_context import UpdateContext
from telegram_service.channels.message import OutgoingMessage, Rows
from telegram_service.state.records import FeedbackGiven

REASONS = ("wrong", "source", "unclear", "beside")


async def up(context: UpdateContext, value: str) -> None:
    """Record a thumb up."""
    await record_feedback(context, value, 1, None)


async def down(context: UpdateContext, value: str) -> None:
    """Record a thumb down and offer reasons under the same message."""
    await record_feedback(context, value, -1, None)
    buttons = [
        context.button(context.say(f"why_{name}"), "why", f"{value}:{name}") for name in REASONS
    ]
    await replace_buttons(context, (tuple(buttons[:2]), tuple(buttons[2:])))


async def why(context: UpdateContext, value: str) -> None:
    """Record the reason, and remove the buttons."""
    answer, _, reason = value.partition(":")
    await record_feedback(context, answer, -1, reason if reason in REASONS else None)
    await replace_buttons(context, ())


async def record_feedback(
    context: UpdateContext, answer: str, thumb: Literal[-1, 1], reason: str | None
) -> None:
    """Put feedback into the journal and count it; a reason is not counted again."""
    if answer.isdecimal():
        record = FeedbackGiven(
            person=context.person.id,
            at=context.services.clock.now(),
            update_id=int(answer),
            chat=context.chat.id,
            thumb=thumb,
            reason=reason,
        )
        await context.services.journal.put(record)
        if reason is None:
            await context.services.counters.add("thumbs_up" if thumb > 0 else "thumbs_down")


async def replace_buttons(context: UpdateContext, rows: Rows) -> None:
    """Replace the buttons of the message whose button was pressed."""
    query = context.update.callback_query
    if query and query.message and context.channel.edits:
        message = OutgoingMessage(text="", buttons=rows)
        await context.channel.set_buttons(context.address, query.message.message_id, message)
