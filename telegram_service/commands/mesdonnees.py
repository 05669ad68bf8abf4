"""/mesdonnees: all that is kept about a person, for people and for programs (GDPR, 15 and 20)."""

from collections.abc import Sequence
from datetime import datetime

import orjson

from shared.clock import PARIS
from telegram_service.answering.update_context import Turn
from telegram_service.state.store import Judgement, Message


async def run(turn: Turn, _words: str) -> None:
    """Send two files. Raises PostgresLost: then it is done once Postgres is back."""
    if not turn.chat.is_private:
        await turn.reply("in_private")
        return
    parts, person = turn.parts, turn.person.id
    await parts.journal.drain()
    messages = await parts.store.messages(person)
    judged = await parts.store.feedback(person)
    first_seen = await parts.store.first_seen(person)
    facts = {"count": len(messages)}
    if not messages and first_seen is None:
        await turn.reply("export_empty")
        return
    await turn.record.send_file(
        "readable",
        turn.place,
        "mes-donnees.md",
        readable(turn, messages).encode(),
        turn.say("export_caption", **facts),
    )
    await turn.record.send_file(
        "json",
        turn.place,
        "mes-donnees.json",
        as_json(turn, messages, judged, first_seen),
        turn.say("export_json_caption"),
    )


def readable(turn: Turn, messages: Sequence[Message]) -> str:
    """Return the export for people."""
    today = f"{turn.parts.clock.now().astimezone(PARIS):%d/%m/%Y %H:%M}"
    lines = [f"# {turn.say('export_head', date=today)}", ""]
    for message in messages:
        who = turn.say(f"export_{message.author}")
        due = turn.say("export_due", date=f"{message.due.astimezone(PARIS):%d/%m/%Y}")
        lines += [
            f"## {who}, {message.at.astimezone(PARIS):%d/%m/%Y %H:%M} ({due})",
            "",
            message.body,
            "",
        ]
    return "\n".join(lines)


def as_json(
    turn: Turn,
    messages: Sequence[Message],
    judged: Sequence[Judgement],
    first_seen: datetime | None,
) -> bytes:
    """Return the export for programs."""
    return orjson.dumps(
        {
            "person": turn.person.id,
            "exported_at": turn.parts.clock.now(),
            "first_seen": first_seen,
            "preferences": turn.chosen.model_dump(),
            "messages": list(messages),
            "feedback": list(judged),
        },
        option=orjson.OPT_INDENT_2,
    )
