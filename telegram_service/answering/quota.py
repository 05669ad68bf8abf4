"""The person's quota: a question counts once, before it costs anything.

Who tells of danger to life gets the help lines, whatever the quota.
"""

from shared.distress import help_lines
from telegram_service.answering.update_context import UpdateContext
from telegram_service.state.repeats import NOTICE_WINDOW_S, NOTICES_AT_ONCE


async def over_quota(context: UpdateContext, question: str) -> bool:
    """Count the question of this update, once; whether it is over a quota, which is then said."""
    services = context.services
    limit = await services.throttle.reached(context.person.id, context.update.update_id)
    if limit:
        await tell_help_lines(context, question)
        if await said_already(context, f"quota_{limit}") < NOTICES_AT_ONCE:
            await context.reply(f"quota_{limit}")
    return limit is not None


async def said_already(context: UpdateContext, notice: str) -> int:
    """Return how often a notice was said to this chat within the last minute."""
    services, update_id = context.services, context.update.update_id
    return await services.repeats.place(context.chat.id, notice, update_id, NOTICE_WINDOW_S)


async def tell_help_lines(context: UpdateContext, question: str) -> None:
    """Say, once, who to call to a person whose question tells of danger and is not answered now."""
    lines = help_lines(question, context.language)
    if lines:
        await context.send_markdown("help_lines", lines.sentence)
