"""/help: everything the bot does."""

from telegram_service.answering.update_context import Turn


async def run(turn: Turn, _words: str) -> None:
    """List it."""
    await turn.reply("help")
