"""/settings: language, length, agreement, history, retention; the model has /models."""

from telegram_service.answering.update_context import Rows, Turn

NEXT_LENGTH = {"short": "normal", "normal": "long", "long": "short"}
RETENTION_DAYS = (7, 30, 90)
NO_AGREEMENT = "0"
LONGEST_IDCC = 4


async def run(turn: Turn, words: str) -> None:
    """Show the settings; a number sets the collective agreement."""
    if words:
        if not await turn.may_choose():
            await turn.reply("admins_only")
            return
        number = words.split()[-1]
        if not number.isdecimal() or len(number) > LONGEST_IDCC:
            await turn.reply("settings_bad")
            return
        await turn.choose(agreement=None if number == NO_AGREEMENT else number)
    await turn.write("settings", described(turn), buttons(turn))


async def tapped(turn: Turn, value: str) -> None:
    """Change one setting and show them all, in the same message."""
    if not await turn.may_choose():
        await turn.reply("admins_only")
        return
    name, _, wanted = value.partition(":")
    match name:
        case "language" if wanted in {"fr", "en"}:
            await turn.choose(language=wanted)
        case "length" if wanted in NEXT_LENGTH:
            await turn.choose(length=wanted)
        case "history":
            await turn.choose(history=wanted == "on")
            if wanted == "off":
                await turn.parts.sessions.end(turn.place)
        case "days" if wanted.isdecimal() and int(wanted) in RETENTION_DAYS:
            await turn.choose(retention_days=int(wanted))
    await turn.edit_tapped(described(turn), buttons(turn))


def described(turn: Turn) -> str:
    """Return the settings in words."""
    chosen = turn.chosen
    return turn.say(
        "settings",
        tongue=turn.say("language_name"),
        model=chosen.model or turn.say("default_model"),
        length=turn.say(f"length_{chosen.length}"),
        agreement=chosen.agreement or turn.say("none"),
        history=turn.say("yes" if chosen.history else "no"),
        days=chosen.retention_days,
    )


def buttons(turn: Turn) -> Rows:
    """Return a button per setting; each carries the value a tap leads to, so twice is once."""
    chosen = turn.chosen
    language = "en" if chosen.language == "fr" else "fr"
    days = next((days for days in RETENTION_DAYS if days > chosen.retention_days), 7)
    history = "off" if chosen.history else "on"
    return (
        (
            turn.button(turn.say("button_language"), "set", f"language:{language}"),
            turn.button(turn.say("button_length"), "set", f"length:{NEXT_LENGTH[chosen.length]}"),
        ),
        (
            turn.button(turn.say("button_history"), "set", f"history:{history}"),
            turn.button(turn.say("button_days"), "set", f"days:{days}"),
        ),
    )
