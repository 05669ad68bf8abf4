"""/stop, the ⏹ button and Telegram's own Stop: end the answer being written, and what waits."""

from telegram_service.answering.update_context import UpdateContext


async def run(context: UpdateContext, _arguments: str) -> None:
    """Stop, and confirm."""
    await stop_earlier(context)
    await context.reply("stop_done")


async def on_button(context: UpdateContext, value: str) -> None:
    """Stop the answer whose placeholder carries the button."""
    if value.isdecimal():
        await context.services.queue.stop_before(context.lease.chat, int(value) + 1)


async def stop_earlier(context: UpdateContext) -> None:
    """Stop everything asked before this update."""
    await context.services.queue.stop_before(context.lease.chat, context.update.update_id)
