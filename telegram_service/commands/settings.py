"""/settings: language, length, agreement, history, retention; the model has /models.

Each choice has its own menu, in the same message, and what is set is marked.
The collective agreement is chosen by its number or its name, which ai_core knows.
"""

import re
from collections.abc import Sequence

import structlog

from shared.ai.contract import AgreementReply
from shared.errors import AppError
from shared.languages import LANGUAGES
from telegram_service.answering.kept_agreement import agreement_name
from telegram_service.answering.update_context import UpdateContext
from telegram_service.channels.message import Button, Rows
from telegram_service.commands.cancel import cancel_row
from telegram_service.commands.models import writer
from telegram_service.state.preferences import LENGTHS

log = structlog.get_logger()

_IDCC = re.compile(r"[0-9]{1,4}")
RETENTION_DAYS = (7, 30, 90)
MENUS = ("language", "length", "days")
NO_AGREEMENT = ("0", "aucune", "none", "no", "non", "ไม่มี", "无")
MOST_CHARACTERS = 200
MOST_NEAR = 4
CHOSEN, OTHER = "✅", "▫️"


async def run(context: UpdateContext, arguments: str) -> None:
    """Show the settings; a number or a name sets the collective agreement."""
    if not arguments:
        await context.send_markdown("settings", settings_text(context), main_buttons(context))
    elif not await context.may_choose():
        await context.reply("admins_only")
    else:
        await choose_agreement(context, arguments[:MOST_CHARACTERS])


async def choose_agreement(context: UpdateContext, written: str) -> None:
    """Set the agreement that a number or a name means, or say why it is not set."""
    if written.casefold() in NO_AGREEMENT:
        await context.choose(agreement=None, agreement_name="")
        await context.reply("agreement_none")
        return
    try:
        found = await context.services.ai.agreements(written)
    except AppError as error:
        await choose_unchecked(context, written, error)
        return
    if found.agreement is None:
        await refuse_agreement(context, written, found.near)
        return
    await set_agreement(context, found.agreement)
    name = agreement_name(context.preferences)
    await context.reply("agreement_set" if found.agreement.held else "agreement_set_law", name=name)


async def choose_unchecked(context: UpdateContext, written: str, error: AppError) -> None:
    """Set a number that ai_core cannot look up now: a question with a wrong one will say so."""
    if _IDCC.fullmatch(written):
        await context.choose(agreement=written, agreement_name="")
        await context.reply("agreement_set", name=agreement_name(context.preferences))
    else:
        log.info("agreement not looked up", reason=error.code)
        await context.reply("ai_away")


async def refuse_agreement(
    context: UpdateContext, written: str, near: Sequence[AgreementReply]
) -> None:
    """Say that no agreement is meant, or several, with a button for each of these."""
    rows = tuple(
        (context.button(f"{one.idcc} · {one.title}", "set", f"agreement:{one.idcc}"),)
        for one in near[:MOST_NEAR]
    )
    key = "agreement_which" if near else "agreement_unknown"
    await context.reply(key, (*rows, cancel_row(context)) if rows else (), written=written)


async def set_agreement(context: UpdateContext, agreement: AgreementReply) -> None:
    """Keep an agreement with its name."""
    await context.choose(agreement=agreement.idcc, agreement_name=agreement.title)


async def on_button(context: UpdateContext, value: str) -> None:
    """Open a menu, or change one setting; show the result in the same message."""
    if not await context.may_choose():
        await context.reply("admins_only")
        return
    name, _, wanted = value.partition(":")
    if name == "menu" and wanted in MENUS:
        await context.edit_button_message(context.say(f"choose_{wanted}"), menu(context, wanted))
        return
    if name == "agreement":
        await press_agreement(context, wanted)
        return
    if name == "close":
        await context.edit_button_message(settings_text(context))
        return
    await change(context, name, wanted)
    await context.edit_button_message(settings_text(context), main_buttons(context))


async def change(context: UpdateContext, name: str, wanted: str) -> None:
    """Change one setting; nothing for a value that is none."""
    match name:
        case "language" if wanted in LANGUAGES:
            await context.choose(language=wanted)
        case "length" if wanted in LENGTHS:
            await context.choose(length=wanted)
        case "history":
            await context.choose(history=wanted == "on")
            if wanted == "off":
                await context.services.sessions.end(context.address)
        case "days" if wanted.isdecimal() and int(wanted) in RETENTION_DAYS:
            await context.choose(retention_days=int(wanted))


async def press_agreement(context: UpdateContext, idcc: str) -> None:
    """Set the agreement of a button, or none, and say so in the same message."""
    if idcc in NO_AGREEMENT:
        await context.choose(agreement=None, agreement_name="")
        await context.edit_button_message(context.say("agreement_none"))
        return
    try:
        found = (await context.services.ai.agreements(idcc)).agreement
    except AppError:
        await context.reply("ai_away")
        return
    if found:
        await set_agreement(context, found)
        key = "agreement_set" if found.held else "agreement_set_law"
        name = agreement_name(context.preferences)
        await context.edit_button_message(context.say(key, name=name))


def settings_text(context: UpdateContext) -> str:
    """Return the settings in words."""
    return context.say("settings", chosen=chosen_lines(context))


def chosen_lines(context: UpdateContext) -> str:
    """Return what is set, a line for each."""
    chosen = context.preferences
    kept = context.say("history_kept", days=chosen.retention_days)
    return context.say(
        "settings_chosen",
        tongue=context.say("language_name"),
        writer=writer(context, chosen.model),
        length=context.say(f"length_{chosen.length}"),
        agreement=agreement_name(chosen) or context.say("none"),
        history=kept if chosen.history else context.say("history_off"),
    )


def main_buttons(context: UpdateContext) -> Rows:
    """Return a button per setting: each says what it opens or sets."""
    chosen = context.preferences
    history = "off" if chosen.history else "on"
    rows: list[tuple[Button, ...]] = [
        (
            context.button(context.say("button_language"), "set", "menu:language"),
            context.button(context.say("button_length"), "set", "menu:length"),
        ),
        (
            context.button(context.say(f"button_history_{history}"), "set", f"history:{history}"),
            context.button(context.say("button_days"), "set", "menu:days"),
        ),
    ]
    if chosen.agreement:
        rows.append((context.button(context.say("button_no_agreement"), "set", "agreement:0"),))
    return (*rows, (context.button(context.say("button_close"), "set", "close"),))


def menu(context: UpdateContext, name: str) -> Rows:
    """Return the choices of a setting, what is set marked, and the way back."""
    chosen = context.preferences
    if name == "language":
        names = {one: context.services.texts.say("language_name", one) for one in LANGUAGES}
        values: dict[str, str] = {one: name.capitalize() for one, name in names.items()}
        current = str(chosen.language)
    elif name == "length":
        values = {one: context.say(f"length_{one}").capitalize() for one in LENGTHS}
        current = chosen.length
    else:
        values = {str(days): context.say("days", days=days) for days in RETENTION_DAYS}
        current = str(chosen.retention_days)
    rows = tuple(
        (context.button(f"{CHOSEN if one == current else OTHER} {said}", "set", f"{name}:{one}"),)
        for one, said in values.items()
    )
    return (*rows, (context.button(context.say("button_back"), "set", "show"),))
