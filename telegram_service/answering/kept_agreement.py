"""Keeps the collective agreement that an answer used as the person's own.

It is said under the answer, with a button that undoes it; one that was undone is not kept again.
A group's agreement is its administrators' choice, and one that was chosen is never replaced.
"""

from shared.ai.contract import AgreementReply
from shared.ai.stream import Usage
from telegram_service.answering.update_context import UpdateContext
from telegram_service.state.preferences import Preferences

FORGET = "forget"
"""Action of the button that undoes it; its value is the agreement's number."""


def agreement_name(chosen: Preferences) -> str:
    """Return the name of the agreement that is set, with its number; empty without one."""
    if chosen.agreement is None:
        return ""
    number = f"IDCC {chosen.agreement}"
    return f"{chosen.agreement_name} ({number})" if chosen.agreement_name else number


async def keep_agreement(context: UpdateContext, usage: Usage | None) -> str | None:
    """Keep the agreement that an answer used; return its number where it is new."""
    chosen = context.preferences
    used = told_agreement(usage)
    if used is None or not context.chat.is_private or chosen.agreement:
        return None
    if used.idcc == chosen.declined_agreement:
        return None
    await context.choose(agreement=used.idcc, agreement_name=used.title)
    return used.idcc


def told_agreement(usage: Usage | None) -> AgreementReply | None:
    """Return the agreement of an answer that the person has told; None for a possible one."""
    taken = usage.agreement if usage else None
    if taken is None or taken.basis == "company":
        return None
    return taken.agreement


async def forget(context: UpdateContext, value: str) -> None:
    """Undo what was kept, and keep it no more."""
    if context.preferences.agreement == value:
        await context.choose(agreement=None, agreement_name="", declined_agreement=value)
    await context.reply("agreement_forgotten")
