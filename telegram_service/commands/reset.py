"""/reset: begin a new conversation; what waits unanswered is dropped with the old one."""

from telegram_service.answering.update_context import Turn


async def run(turn: Turn, _words: str) -> None:
    """Stop what runs, forget the session."""
    await turn.parts.mailbox.stop_before(turn.lease.chat, turn.update.update_id)
    await turn.parts.sessions.end(turn.place)
    await turn.reply("reset_done")
