"""Entries written at the desk: checked as `knowledge check` does, saved by version, published."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ai_core.console.audit_log import Actor, AuditLog
from ai_core.errors import ConsoleRefusal
from ai_core.knowledge.entries_in_use import CheckedEntries
from ai_core.knowledge.entry_checks import faults_among, faults_of
from ai_core.knowledge.published import PublishedEntries
from ai_core.knowledge.records import Entry, TopicId
from ai_core.records.database import Records
from ai_core.records.entry_store import Body, EntryStore, WrittenVersion

TOPIC: TypeAdapter[str] = TypeAdapter(TopicId)
RESERVED = frozenset({"new", "import"})
"""Names of pages of the desk."""


@dataclass(frozen=True, slots=True)
class CheckedDraft:
    """A draft, what it is as an entry (None: it cannot be read as one), and all its faults."""

    body: Body
    entry: Entry | None
    faults: Sequence[str]

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
            faults = [
                f"{'.'.join(map(str, fault['loc'])) or 'entry'}: {fault['msg']}"
                for fault in error.errors(include_url=False, include_input=False)
            ]
            return CheckedDraft(body, None, faults)
        in_use = (await self._checked.current()).entries
        others = [one for topic, one in in_use.items() if topic != entry.topic_id]
        faults = await asyncio.to_thread(_faults, entry, others)
        own = f"{entry.topic_id}: "
        lapses = [str(lapse).removeprefix(own) for lapse in await self._checked.lapses_of(entry)]
        return CheckedDraft(body, entry, [*faults, *lapses])

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


def _faults(entry: Entry, others: Sequence[Entry]) -> list[str]:
    """Return the faults of an entry by itself and among others: half a second for all of them."""
    own = f"{entry.topic_id}: "
    among = faults_among([*others, entry])
    return [*faults_of(entry), *(one.removeprefix(own) for one in among if one.startswith(own))]


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
