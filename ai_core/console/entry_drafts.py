"""Entries written at the desk: checked as `knowledge check` does, saved by version, published."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from ai_core.console.audit_log import Actor, AuditLog
from ai_core.errors import ConsoleRefusal
from ai_core.knowledge.entries_in_use import CheckedEntries
from ai_core.knowledge.entry_checks import faults_among, faults_of
from ai_core.knowledge.faults import Fault
from ai_core.knowledge.law_checks import Lapse
from ai_core.knowledge.published import PublishedEntries
from ai_core.knowledge.records import Entry, TopicId
from ai_core.records.database import Records
from ai_core.records.entry_store import Body, EntryStore, WrittenVersion

TOPIC: TypeAdapter[str] = TypeAdapter(TopicId)
SHAPES = (
    ("missing", "missing"),
    ("string_too_short", "empty"),
    ("too_short", "empty"),
    ("string_too_long", "long"),
    ("too_long", "long"),
    ("literal_error", "choice"),
    ("int_", "number"),
    ("date_", "date"),
    ("string_pattern", "shape"),
    ("value_error", "source_kind"),
    ("extra_forbidden", "unknown_field"),
)
"""Faults by how the types of pydantic's errors begin; the one check of ours is of a source."""
RESERVED = frozenset({"new", "import"})
"""Names of pages of the desk."""


@dataclass(frozen=True, slots=True)
class CheckedDraft:
    """A draft, what it is as an entry (None: it cannot be read as one), and all its faults."""

    body: Body
    entry: Entry | None
    faults: Sequence[Fault]

    @property
    def publishable(self) -> bool:
        """Whether nothing is wrong with it."""
        return self.entry is not None and not self.faults


class EntryDrafts:
    """Checks, saves, publishes and withdraws entries; every change is in the audit log."""

    def __init__(
        self,
        records: Records,
        store: EntryStore,
        audit: AuditLog,
        checked: CheckedEntries,
        published: PublishedEntries,
    ) -> None:
        self._records, self._store, self._audit = records, store, audit
        self._checked, self._published = checked, published

    async def check(self, body: Body) -> CheckedDraft:
        """Check a draft by itself, among the entries in use, and against the law in service.

        Raises CorpusMissing, QueueFull.
        """
        try:
            entry = Entry.model_validate(body)
        except ValidationError as error:
            unread = error.errors(include_url=False, include_input=False)
            return CheckedDraft(body, None, [_fault_of_shape(one) for one in unread])
        in_use = (await self._checked.current()).entries
        others = [one for topic, one in in_use.items() if topic != entry.topic_id]
        faults = await asyncio.to_thread(_faults, entry, others)
        lapses = await self._checked.lapses_of(entry)
        return CheckedDraft(body, entry, [*faults, *map(_fault_of_law, lapses)])

    async def versions(self, topic_id: str) -> list[WrittenVersion]:
        """Return the versions of an entry, the latest first. Raises RecordsOff, PostgresLost."""
        return await self._store.history(topic_id)

    async def save(self, actor: Actor, body: Body, base: int) -> int:
        """Save a draft as a new version of its entry; `base` is the version it was made from.

        Raises ConsoleRefusal for a wrong topic, or when somebody saved another one meanwhile.
        """
        topic = str(body.get("topic_id", ""))
        if topic in RESERVED or not _is_topic(body):
            raise ConsoleRefusal("topic_shape")
        async with self._records.transaction() as db:
            version = await self._store.save(db, topic, body, actor.name)
            if version != base + 1:
                raise ConsoleRefusal("entry_changed_meanwhile")
            await self._audit.write_in(db, actor, "knowledge.save", topic, version=version)
        return version

    async def publish(self, actor: Actor, topic_id: str, version: int) -> None:
        """Let a version answer, from the next question on. Raises ConsoleRefusal for faults."""
        found = [one for one in await self.versions(topic_id) if one.version == version]
        if not found:
            raise ConsoleRefusal("entry_unknown")
        if not (await self.check(found[0].body)).publishable:
            raise ConsoleRefusal("entry_faults")
        async with self._records.transaction() as db:
            await self._store.publish(db, topic_id, version)
            await self._audit.write_in(db, actor, "knowledge.publish", topic_id, version=version)
        await self._in_service()

    async def withdraw(self, actor: Actor, topic_id: str) -> None:
        """Let no version answer; an entry of a file with the same topic answers again."""
        if not any(one.answers for one in await self.versions(topic_id)):
            raise ConsoleRefusal("entry_unpublished")
        async with self._records.transaction() as db:
            await self._store.withdraw(db, topic_id)
            await self._audit.write_in(db, actor, "knowledge.withdraw", topic_id)
        await self._in_service()

    async def _in_service(self) -> None:
        await self._published.refresh()
        await self._checked.current()


def _faults(entry: Entry, others: Sequence[Entry]) -> list[Fault]:
    """Return the faults of an entry by itself and among others: half a second for all of them."""
    among = faults_among([*others, entry])
    return [*faults_of(entry), *(one for topic, one in among if topic == entry.topic_id)]


def _fault_of_law(lapse: Lapse) -> Fault:
    """Return what the law in service does not bear out, as a fault of its sources."""
    facts = {"source": lapse.source, "fragment": lapse.fragment}
    return Fault(lapse.reason, "sources", facts)


def _fault_of_shape(error: ErrorDetails) -> Fault:
    """Return why a draft cannot be read as an entry, by the types of pydantic's errors.

    https://docs.pydantic.dev/latest/errors/validation_errors/
    """
    kind = next((name for start, name in SHAPES if error["type"].startswith(start)), "other_fault")
    place = ".".join(map(str, error["loc"]))
    return Fault(kind, place, {"said": error["msg"]} if kind == "other_fault" else {})


def _is_topic(body: Body) -> bool:
    """Whether a draft's topic has the shape of one."""
    try:
        TOPIC.validate_python(body.get("topic_id"))
    except ValidationError:
        return False
    return True


def with_phrasing(body: Body, language: str, phrasing: str) -> dict[str, Any]:
    """Return an entry's body with one phrasing more. Raises ConsoleRefusal when it is there."""
    phrasings = dict(body.get("phrasings", {}))
    held = list(phrasings.get(language) or ())
    if phrasing.casefold() in {one.casefold() for one in held}:
        raise ConsoleRefusal("phrasing_there")
    return {**body, "phrasings": {**phrasings, language: [*held, phrasing]}}
