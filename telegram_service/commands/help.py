"""/help: everything the bot does."""

from telegram_service.answering.update_context import UpdateContext


async def run(context: UpdateContext, _arguments: str) -> None:
    """Send the help text."""
    await context.reply("help")
