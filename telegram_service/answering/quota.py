"""The person's quota: a question counts once, before it costs anything."""

from telegram_service.answering.update_context import UpdateContext


async def over_quota(context: UpdateContext) -> bool:
    """Count the question of this update, once; whether it is over a quota, which is then said."""
    services = context.services
    limit = await services.throttle.reached(context.person.id, context.update.update_id)
    if limit:
        await context.reply(f"quota_{limit}")
    return limit is not None
