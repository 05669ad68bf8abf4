"""/mesdonnees: exports a person's data, as text and as JSON (GDPR, articles 15 and 20).

Two files; where a channel takes none, messages: the text, and the JSON for who asks for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from shared.clock import PARIS
from telegram_service.answering.kept_document import kept_document
from telegram_service.answering.update_context import UpdateContext
from telegram_service.commands.settings import chosen_lines
from telegram_service.state.preferences import Preferences
from telegram_service.state.store import Feedback, StoredMessage

AS_JSON = "json"


@dataclass(frozen=True)
class PersonalData:
    """Everything kept about a person; `choices` is None where they are the defaults."""

    messages: Sequence[StoredMessage]
    feedback: Sequence[Feedback]
    choices: Preferences | None
    document: str | None
    first_seen: datetime | None

    @property
    def nothing(self) -> bool:
        """Whether nothing is kept."""
        return not (
            self.messages or self.feedback or self.choices or self.document or self.first_seen
        )


async def run(context: UpdateContext, arguments: str) -> None:
    """Send the export. Raises PostgresLost, to be retried when Postgres is back."""
    if not context.chat.is_private:
        await context.reply("in_private")
        return
    kept = await kept_data(context)
    if kept.nothing:
        await context.reply("export_empty")
        return
    counts = {"count": len(kept.messages), "feedback": len(kept.feedback)}
    choices = context.say("yes" if kept.choices else "no")
    files, only_json = context.channel.sends_files, arguments.strip().lower() == AS_JSON
    send, address = context.outbox.send_file, context.address
    if files or not only_json:
        caption = context.say("export_caption", **counts, choices=choices)
        if not files:
            caption += "\n" + context.say("export_as_json")
        content = as_markdown(context, kept).encode()
        await send("readable", address, "mes-donnees.md", content, caption)
    if files or only_json:
        caption = context.say("export_json_caption")
        await send("json", address, "mes-donnees.json", as_json(context, kept), caption)


async def kept_data(context: UpdateContext) -> PersonalData:
    """Read what is kept about the person. Raises PostgresLost."""
    services, person = context.services, context.person.id
    await services.journal.drain()
    store, document = services.store, await kept_document(context)
    return PersonalData(
        messages=await store.messages(person),
        feedback=await store.feedback(person),
        choices=await services.preferences.get(person) or await store.preferences(person),
        document=document.text if document else None,
        first_seen=await store.first_seen(person),
    )


def as_markdown(context: UpdateContext, kept: PersonalData) -> str:
    """Return the export as Markdown."""
    lines = [f"# {context.say('export_head', date=local(context.services.clock.now()))}", ""]
    if kept.first_seen:
        lines += [context.say("export_first_seen", date=local(kept.first_seen)), ""]
    if kept.choices:
        lines += [f"## {context.say('export_choices')}", "", chosen_lines(context), ""]
    if kept.feedback:
        lines += [f"## {context.say('export_feedback')}", ""]
        lines += [f"- {feedback_line(context, each)}" for each in kept.feedback]
        lines.append("")
    if kept.document:
        lines += [f"## {context.say('export_document')}", "", kept.document, ""]
    for message in kept.messages:
        who = context.say(f"export_{message.author}")
        due = context.say("export_due", date=f"{message.due.astimezone(PARIS):%d/%m/%Y}")
        lines += [f"## {who}, {local(message.at)} ({due})", "", message.body, ""]
    return "\n".join(lines)


def feedback_line(context: UpdateContext, given: Feedback) -> str:
    """Return one thumb in words."""
    reason = f" ({context.say(f'why_{given.reason}')})" if given.reason else ""
    return f"{local(given.at)} {'👍' if given.thumb > 0 else '👎'}{reason}"


def local(moment: datetime) -> str:
    """Return a moment as people read it in France."""
    return f"{moment.astimezone(PARIS):%d/%m/%Y %H:%M}"


def as_json(context: UpdateContext, kept: PersonalData) -> bytes:
    """Return the export as JSON."""
    return orjson.dumps(
        {
            "person": context.person.id,
            "exported_at": context.services.clock.now(),
            "first_seen": kept.first_seen,
            "preferences": kept.choices.model_dump() if kept.choices else None,
            "messages": list(kept.messages),
            "feedback": list(kept.feedback),
            "document": kept.document,
        },
        option=orjson.OPT_INDENT_2,
    )
