"""/help: everything the bot does."""

from telegram_service.turn import Turn


async def run(turn: Turn, _words: str) -> None:
    """List it."""
    await turn.reply("help")
