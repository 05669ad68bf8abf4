"""/mesdonnees: exports a person's data, as text and as JSON (GDPR, articles 15 and 20)."""

from collections.abc import Sequence
from datetime import datetime

import orjson

from shared.clock import PARIS
from telegram_service.answering.update_context import UpdateContext
from telegram_service.state.store import Feedback, StoredMessage


async def run(context: UpdateContext, _arguments: str) -> None:
    """Send two files. Raises PostgresLost, to be retried when Postgres is back."""
    if not context.chat.is_private:
        await context.reply("in_private")
        return
    services, person = context.services, context.person.id
    await services.journal.drain()
    messages = await services.store.messages(person)
    feedback = await services.store.feedback(person)
    first_seen = await services.store.first_seen(person)
    facts = {"count": len(messages)}
    if not messages and first_seen is None:
        await context.reply("export_empty")
        return
    await context.outbox.send_file(
        "readable",
        context.address,
        "mes-donnees.md",
        as_markdown(context, messages).encode(),
        context.say("export_caption", **facts),
    )
    await context.outbox.send_file(
        "json",
        context.address,
        "mes-donnees.json",
        as_json(context, messages, feedback, first_seen),
        context.say("export_json_caption"),
    )


def as_markdown(context: UpdateContext, messages: Sequence[StoredMessage]) -> str:
    """Return the export as Markdown."""
    today = f"{context.services.clock.now().astimezone(PARIS):%d/%m/%Y %H:%M}"
    lines = [f"# {context.say('export_head', date=today)}", ""]
    for message in messages:
        who = context.say(f"export_{message.author}")
        due = context.say("export_due", date=f"{message.due.astimezone(PARIS):%d/%m/%Y}")
        lines += [
            f"## {who}, {message.at.astimezone(PARIS):%d/%m/%Y %H:%M} ({due})",
            "",
            message.body,
            "",
        ]
    return "\n".join(lines)


def as_json(
    context: UpdateContext,
    messages: Sequence[StoredMessage],
    feedback: Sequence[Feedback],
    first_seen: datetime | None,
) -> bytes:
    """Return the export as JSON."""
    return orjson.dumps(
        {
            "person": context.person.id,
            "exported_at": context.services.clock.now(),
            "first_seen": first_seen,
            "preferences": context.preferences.model_dump(),
            "messages": list(messages),
            "feedback": list(feedback),
        },
        option=orjson.OPT_INDENT_2,
    )
