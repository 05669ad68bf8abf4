"""The law in service: its date, an update now, the last failure, what changed."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, cast, get_args

from starlette.responses import Response

from ai_core.api.console.routing import ROOT, Screens
from ai_core.api.console.visit import Visit
from ai_core.console.roles import Action
from ai_core.errors import ConsoleRefusal, CorpusMissing, UpdateUnderWay
from ai_core.knowledge.entries_in_use import CheckedEntries, EntriesInUse
from ai_core.knowledge.law_checks import Lapse, source_ids
from ai_core.knowledge.records import Entry
from ai_core.law.changes import Change, Kind, LawChanges, changes_since
from ai_core.law.records import CorpusStatus
from ai_core.law.source import LawSource
from ai_core.law.versions import CorpusVersions

screens = Screens()
LAW = f"{ROOT}/law"
KINDS: tuple[Kind, ...] = get_args(Kind)
WAYS: tuple[Change, ...] = get_args(Change)
SHOWN = 200


class Touched(NamedTuple):
    """An entry that rests on a text which changed; `lapses` says why it is withheld, if it is."""

    topic_id: str
    question: str
    sources: Sequence[str]
    lapses: Sequence[Lapse]


@screens.page("/law", Action.LAW_READ)
async def show_law(visit: Visit) -> Response:
    """Show the law in service and the latest update."""
    last = await asyncio.to_thread(_versions(visit).last_update)
    status = await _status(visit)
    age_days = (visit.desk.clock.today() - status.law_date).days if status else 0
    entries = await _entries(visit)
    return visit.page(
        "law.html",
        corpus=status,
        age_days=age_days,
        last=last,
        finished_at=datetime.fromisoformat(last.finished_at) if last else None,
        update=visit.desk.law_updates.latest,
        possible=await visit.desk.law_updates.possible(),
        entries=entries,
    )


@screens.form("/law/update", Action.LAW_UPDATE, back=show_law)
async def update(visit: Visit) -> Response:
    """Begin an update in the background."""
    if not await visit.desk.law_updates.possible():
        raise ConsoleRefusal("update_not_here")
    try:
        async with visit.desk.audit.recording(visit.actor, "law.update"):
            visit.desk.law_updates.begin(visit.account.name)
    except UpdateUnderWay:
        raise ConsoleRefusal("update_under_way") from None
    return visit.to(LAW, "update_begun")


@screens.page("/law/progress", Action.LAW_READ)
async def progress(visit: Visit) -> Response:
    """Return how far the latest update has come, for the page's script."""
    latest = visit.desk.law_updates.latest
    state = latest.state if latest else ""
    return visit.json(
        {
            "state": state,
            "sentence": visit.pages.texts.say(f"update_{state}", visit.language) if state else "",
            "lines": list(latest.lines) if latest else [],
        }
    )


@screens.page("/law/changes", Action.LAW_READ)
async def show_changes(visit: Visit) -> Response:
    """Show what changed since the version before, and the entries it touches."""
    versions, day = _versions(visit), visit.desk.clock.today()
    changes = await asyncio.to_thread(changes_since, versions, day)
    if changes is None:
        return visit.page("changes.html", changes=None)
    groups = [(kind, way, changes.of(kind, way)) for kind in KINDS for way in WAYS]
    entries = await _entries(visit)
    return visit.page(
        "changes.html",
        changes=changes,
        groups=[(kind, way, texts) for kind, way, texts in groups if texts],
        shown=SHOWN,
        touched=_touched(changes, entries, visit.language),
    )


def _touched(changes: LawChanges, entries: EntriesInUse, language: str) -> list[Touched]:
    """Return the entries with a source among the texts that changed or are gone."""
    lapsed = {lapse.topic_id for lapse in entries.lapses}
    ids = changes.touched

    def told(entry: Entry) -> Touched:
        return Touched(
            entry.topic_id,
            entry.question.fr if language == "fr" else entry.question.en,
            [source.key for source in entry.sources if source.source_id in ids],
            [lapse for lapse in entries.lapses if lapse.topic_id == entry.topic_id],
        )

    known = [told(entry) for entry in entries.entries.values() if ids & set(source_ids(entry))]
    held = {entry.topic_id for entry in known}
    return known + [
        Touched(topic, "", (), [one for one in entries.lapses if one.topic_id == topic])
        for topic in sorted(lapsed - held)
    ]


def _versions(visit: Visit) -> CorpusVersions:
    return CorpusVersions(visit.desk.settings.data_dir)


async def _status(visit: Visit) -> CorpusStatus | None:
    library = cast(LawSource, visit.request.state.library)
    try:
        return await library.status()
    except CorpusMissing:
        return None


async def _entries(visit: Visit) -> EntriesInUse:
    checked = cast(CheckedEntries, visit.request.state.entries)
    try:
        return await checked.current()
    except CorpusMissing:
        return EntriesInUse()
