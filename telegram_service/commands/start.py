"""/start: who this is, that it is an AI, and what to ask."""

from telegram_service.answering.update_context import Turn


async def run(turn: Turn, _words: str) -> None:
    """Greet."""
    await turn.reply("start" if turn.chat.is_private else "group_hello")
