"""The button "Sources" under an answer: what the answer folds away, where messages cannot fold."""

from telegram_service.answering.update_context import UpdateContext


async def on_button(context: UpdateContext, value: str) -> None:
    """Send the texts that an answer rests on, or say that the button is too old."""
    folded = None
    if value.isdecimal():
        folded = await context.services.folded_texts.get(context.chat.id, int(value))
    if folded is None:
        await context.reply("old_button")
    else:
        await context.send_markdown("sources", folded)
