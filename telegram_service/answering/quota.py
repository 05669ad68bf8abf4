"""The person's quota: a question counts once, before it costs anything.

Who tells of danger to life gets the help lines, whatever the quota.
"""

from shared.distress import help_lines
from telegram_service.answering.update_context import UpdateContext


async def over_quota(context: UpdateContext, question: str) -> bool:
    """Count the question of this update, once; whether it is over a quota, which is then said."""
    services = context.services
    limit = await services.throttle.reached(context.person.id, context.update.update_id)
    if limit:
        await tell_help_lines(context, question)
        await context.reply(f"quota_{limit}")
    return limit is not None


async def tell_help_lines(context: UpdateContext, question: str) -> None:
    """Say, once, who to call to a person whose question tells of danger and is not answered now."""
    lines = help_lines(question, context.language)
    if lines:
        await context.send_markdown("help_lines", lines.sentence)
