"""The channels: how the bot and the mailbox are, dead letters, mails that wait for a person."""

from collections.abc import Mapping

from starlette.responses import Response

from ai_core.api.console.routing import ROOT, Screens
from ai_core.api.console.visit import Visit
from ai_core.console.channels import LETTER_ID
from ai_core.console.roles import Action
from ai_core.errors import ConsoleRefusal

screens = Screens()
CHANNELS = f"{ROOT}/channels"
NAMES = {"telegram": "Telegram", "line": "LINE", "whatsapp": "WhatsApp"}
FOR_A_PERSON = (
    *("mail_review", "mail_quarantined", "mail_failed"),
    *("reply_unknown", "reply_failed"),
)
"""States of mails and replies that only a person ends, as mail_service counts them."""
ON_THEIR_WAY = ("reply_ready", "reply_sending", "reply_deferred")
AGES = ((86_400, "age_days"), (3_600, "age_hours"), (60, "age_minutes"), (1, "age_seconds"))


@screens.page("/channels", Action.CHANNELS_READ)
async def show_channels(visit: Visit) -> Response:
    """Show the bot and the mailbox as they are now."""
    bot, mailbox = await visit.desk.channels.look()
    counts = mailbox.counts.value if mailbox else None
    return visit.page(
        "channels.html",
        bot=bot,
        mailbox=mailbox,
        names=NAMES,
        age=lambda seconds: _age(visit, seconds),
        for_a_person=_counted(counts, FOR_A_PERSON),
        on_their_way=sum(_counted(counts, ON_THEIR_WAY).values()),
        review_url=visit.desk.channels.review_url,
    )


@screens.form("/channels/replay", Action.CHANNELS_REPLAY, back=show_channels)
async def replay(visit: Visit) -> Response:
    """Have the bot try a dead letter again."""
    letter = _letter(visit)
    async with visit.desk.audit.recording(visit.actor, "channels.replay", letter):
        await visit.desk.channels.replay(letter)
    return visit.to(CHANNELS, "letter_replayed")


@screens.form("/channels/drop", Action.CHANNELS_REPLAY, back=show_channels)
async def drop(visit: Visit) -> Response:
    """Have the bot delete a dead letter for good."""
    letter = _letter(visit)
    async with visit.desk.audit.recording(visit.actor, "channels.drop", letter):
        await visit.desk.channels.drop(letter)
    return visit.to(CHANNELS, "letter_dropped")


def _letter(visit: Visit) -> str:
    """Return the id of a dead letter; what is none never reaches the audit log."""
    letter = visit.text("letter")
    if not LETTER_ID.fullmatch(letter):
        raise ConsoleRefusal("letter_gone")
    return letter


def _counted(counts: Mapping[str, int] | None, states: tuple[str, ...]) -> dict[str, int]:
    """Return how many are in each of some states."""
    return {state: (counts or {}).get(state, 0) for state in states}


def _age(visit: Visit, seconds: float) -> str:
    """Return an age in its largest whole unit: "3 min", "2 h"."""
    unit_s, key = next((pair for pair in AGES if seconds >= pair[0]), AGES[-1])
    return visit.pages.texts.say(key, visit.language, count=int(seconds // unit_s))
