"""/models and /switch: which models there are, and which one answers."""

from shared.ai.contract import ModelCardReply
from shared.errors import AppError, Unavailable
from telegram_service.answering.update_context import Rows, Turn


async def run(turn: Turn, _words: str) -> None:
    """List the models with a button each."""
    try:
        cards = await known(turn)
    except Unavailable:
        await turn.reply("ai_away")
        return
    listed = "\n".join(f"- {mark(turn, card)} `{card.id}`" for card in cards)
    await turn.reply("models", buttons(turn, cards), list=listed)


async def switch(turn: Turn, words: str) -> None:
    """Choose by name; without a name, list."""
    if not words:
        await run(turn, "")
        return
    if not await turn.may_choose():
        await turn.reply("admins_only")
        return
    try:
        names = {card.id.lower(): card.id for card in await known(turn)}
    except AppError:
        await turn.reply("ai_away")
        return
    name = names.get(words.lower())
    if name is None:
        await turn.reply("switch_unknown", model=words[:64])
        return
    await turn.choose(model=name)
    await turn.reply("switched", model=name)


async def tapped(turn: Turn, value: str) -> None:
    """Choose by button."""
    if not await turn.may_choose():
        await turn.reply("admins_only")
        return
    await turn.choose(model=value)
    await turn.edit_tapped(turn.say("switched", model=value))


async def known(turn: Turn) -> list[ModelCardReply]:
    """Return the models ai_core knows."""
    return (await turn.parts.ai.models()).models


def mark(turn: Turn, card: ModelCardReply) -> str:
    """Return a sign for the model that answers now."""
    chosen = card.id == turn.chosen.model or (turn.chosen.model is None and card.default)
    return "✅" if chosen else "▫️"


def buttons(turn: Turn, cards: list[ModelCardReply]) -> Rows:
    """Return a button per model whose name fits into one."""
    made = [turn.button(f"{mark(turn, card)} {card.id}", "model", card.id) for card in cards]
    return tuple((button,) for button in made if button.data)
