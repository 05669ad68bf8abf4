"""/models and /switch: which models there are, and which one answers."""

from shared.ai.contract import ModelCardReply
from shared.errors import AppError, Unavailable
from telegram_service.answering.update_context import UpdateContext
from telegram_service.channels.message import Rows
from telegram_service.commands.cancel import cancel_row


async def run(context: UpdateContext, _arguments: str) -> None:
    """List the models with a button each."""
    try:
        cards = await list_models(context)
    except Unavailable:
        await context.reply("ai_away")
        return
    listed = "\n".join(
        f"- {selection_mark(context, card)} {listed_name(context, card)}" for card in cards
    )
    await context.reply("models", buttons(context, cards), list=listed)


async def switch(context: UpdateContext, arguments: str) -> None:
    """Select a model by name; without a name, list them."""
    if not arguments:
        await run(context, "")
        return
    if not await context.may_choose():
        await context.reply("admins_only")
        return
    try:
        names = {card.id.lower(): card.id for card in await list_models(context)}
    except AppError:
        await context.reply("ai_away")
        return
    name = names.get(arguments.lower())
    if name is None:
        await context.reply("switch_unknown", model=arguments[:64])
        return
    await context.choose(model=name)
    await context.reply("switched", model=writer(context, name))


async def on_button(context: UpdateContext, value: str) -> None:
    """Select a model by button."""
    if not await context.may_choose():
        await context.reply("admins_only")
        return
    await context.choose(model=value)
    await context.edit_button_message(context.say("switched", model=writer(context, value)))


async def list_models(context: UpdateContext) -> list[ModelCardReply]:
    """Return the models ai_core knows."""
    return (await context.services.ai.models()).models


def writer(context: UpdateContext, model: str | None) -> str:
    """Return in words what writes the answers: a model by its name, None is the default."""
    if model is None:
        return context.say("default_model")
    key = f"model_{model}"
    return context.say(key) if key in context.services.texts else model


def listed_name(context: UpdateContext, card: ModelCardReply) -> str:
    """Return a model's name, after what it does where that is known."""
    said = writer(context, card.id)
    return f"`{card.id}`" if said == card.id else f"{said} (`{card.id}`)"


def selection_mark(context: UpdateContext, card: ModelCardReply) -> str:
    """Return the mark of the selected model, or that of the others."""
    chosen = card.id == context.preferences.model or (
        context.preferences.model is None and card.default
    )
    return "✅" if chosen else "▫️"


def buttons(context: UpdateContext, cards: list[ModelCardReply]) -> Rows:
    """Return a button per model whose name fits into one, and one that changes nothing."""
    made = [
        context.button(f"{selection_mark(context, card)} {card.id}", "model", card.id)
        for card in cards
    ]
    return (*((button,) for button in made if button.data), cancel_row(context))
