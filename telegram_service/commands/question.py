"""/question and /ask: what follows is a question; alone they say how to ask one."""

from telegram_service.answering.update_context import UpdateContext


async def run(context: UpdateContext, _arguments: str) -> None:
    """Say how to ask: a question with words in it is answered as any other (bot.py)."""
    await context.reply("question_which")
