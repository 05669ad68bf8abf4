"""The button that ends a choice and changes nothing."""

from telegram_service.answering.update_context import UpdateContext
from telegram_service.channels.message import Button

CANCEL = "no"


def cancel_row(context: UpdateContext) -> tuple[Button, ...]:
    """Return the row with that button."""
    return (context.button(context.say("button_cancel"), CANCEL),)


async def on_button(context: UpdateContext, _value: str) -> None:
    """Say in the same message that nothing was changed."""
    await context.edit_button_message(context.say("cancelled"))
