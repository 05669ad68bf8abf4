"""/settings: language, length, agreement, history, retention; the model has /models."""

from shared.languages import LANGUAGES
from telegram_service.answering.update_context import UpdateContext
from telegram_service.channels.message import Rows

NEXT_LENGTH = {"short": "normal", "normal": "long", "long": "short"}
RETENTION_DAYS = (7, 30, 90)
NO_AGREEMENT = "0"
MAX_IDCC = 4


async def run(context: UpdateContext, arguments: str) -> None:
    """Show the settings; a number sets the collective agreement."""
    if arguments:
        if not await context.may_choose():
            await context.reply("admins_only")
            return
        number = arguments.split()[-1]
        if not number.isdecimal() or len(number) > MAX_IDCC:
            await context.reply("settings_bad")
            return
        await context.choose(agreement=None if number == NO_AGREEMENT else number)
    await context.send_markdown("settings", settings_text(context), buttons(context))


async def on_button(context: UpdateContext, value: str) -> None:
    """Change one setting and show them all, in the same message."""
    if not await context.may_choose():
        await context.reply("admins_only")
        return
    name, _, wanted = value.partition(":")
    match name:
        case "language" if wanted in LANGUAGES:
            await context.choose(language=wanted)
        case "length" if wanted in NEXT_LENGTH:
            await context.choose(length=wanted)
        case "history":
            await context.choose(history=wanted == "on")
            if wanted == "off":
                await context.services.sessions.end(context.address)
        case "days" if wanted.isdecimal() and int(wanted) in RETENTION_DAYS:
            await context.choose(retention_days=int(wanted))
    await context.edit_button_message(settings_text(context), buttons(context))


def settings_text(context: UpdateContext) -> str:
    """Return the settings in words."""
    chosen = context.preferences
    return context.say(
        "settings",
        tongue=context.say("language_name"),
        model=chosen.model or context.say("default_model"),
        length=context.say(f"length_{chosen.length}"),
        agreement=chosen.agreement or context.say("none"),
        history=context.say("yes" if chosen.history else "no"),
        days=chosen.retention_days,
    )


def buttons(context: UpdateContext) -> Rows:
    """Return a button per setting, with the value it sets: pressing twice changes nothing more."""
    chosen = context.preferences
    others = [language for language in LANGUAGES if language != chosen.language]
    names = {one: context.services.texts.say("language_name", one) for one in others}
    days = next((days for days in RETENTION_DAYS if days > chosen.retention_days), 7)
    history = "off" if chosen.history else "on"
    return (
        tuple(context.button(names[one].capitalize(), "set", f"language:{one}") for one in others),
        (
            context.button(
                context.say("button_length"), "set", f"length:{NEXT_LENGTH[chosen.length]}"
            ),
        ),
        (
            context.button(context.say("button_history"), "set", f"history:{history}"),
            context.button(context.say("button_days"), "set", f"days:{days}"),
        ),
    )
