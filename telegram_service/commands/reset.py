"""/reset: starts a new conversation; waiting questions are dropped with the old one."""

from telegram_service.answering.kept_document import forget_document
from telegram_service.answering.update_context import UpdateContext


async def run(context: UpdateContext, _arguments: str) -> None:
    """Stop the running answer, delete the session."""
    await context.services.queue.stop_before(context.lease.chat, context.update.update_id)
    await context.services.sessions.end(context.address)
    await forget_document(context)
    await context.reply("reset_done")
