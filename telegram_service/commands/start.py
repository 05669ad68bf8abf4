"""/start: introduces the bot, discloses that it is an AI, and suggests questions."""

from telegram_service.answering.update_context import UpdateContext


async def run(context: UpdateContext, _arguments: str) -> None:
    """Send the greeting of a private chat or a group."""
    await context.reply("start" if context.chat.is_private else "group_hello")
