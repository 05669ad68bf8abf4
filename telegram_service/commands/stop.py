"""/stop, the ⏹ button and Telegram's own Stop: end the answer being written, and what waits."""

from telegram_service.answering.update_context import Turn


async def run(turn: Turn, _words: str) -> None:
    """Stop, and say so."""
    await halt(turn)
    await turn.reply("stop_done")


async def tapped(turn: Turn, value: str) -> None:
    """Stop the answer whose placeholder carries the button."""
    if value.isdecimal():
        await turn.parts.mailbox.stop_before(turn.lease.chat, int(value) + 1)


async def halt(turn: Turn) -> None:
    """Stop everything asked before this."""
    await turn.parts.mailbox.stop_before(turn.lease.chat, turn.update.update_id)
