"""The entries in use: the shipped and the operator's, less what the law no longer bears out.

They are compared with each version of the law as it enters service. The index of phrasings is made
by `knowledge index`; until it is there, no question is matched. Entries that were published at the
desk win over files; until the next index is made, they are added to the one there is, untrained.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Protocol

import numpy as np
import structlog

from ai_core.knowledge.entry_folders import EntryFolders
from ai_core.knowledge.law_checks import Lapse, SourceText, lapses_of, source_ids
from ai_core.knowledge.phrasing_features import Vectors
from ai_core.knowledge.phrasing_index import PhrasingIndex, texts_embedded
from ai_core.knowledge.records import Entry
from shared.clock import Clock

_LOOK_AGAIN_S = 2.0

_log = structlog.get_logger()


class Version(Protocol):
    """What identifies the law in service."""

    @property
    def version(self) -> str:
        """Return a hash of its content."""
        ...


class Law(Protocol):
    """The law in service, as far as the entries need it."""

    async def status(self) -> Version:
        """Describe the law in service; raises CorpusMissing."""
        ...

    async def wordings(self, source_ids: Sequence[str], as_of: date) -> Mapping[str, SourceText]:
        """Return what sources say, by the ids given; unknown ids are left out."""
        ...

    async def meaning(self, text: str) -> Vectors | None:
        """Return the embedding of a text; None without the encoder."""
        ...


class Published(Protocol):
    """The entries published at the desk, as they were last read."""

    @property
    def stamp(self) -> object:
        """Return what changes when they do."""
        ...

    @property
    def entries(self) -> Sequence[Entry]:
        """Return them."""
        ...


@dataclass(frozen=True, slots=True)
class EntriesInUse:
    """The entries that may answer, by topic, and the index that finds them."""

    entries: Mapping[str, Entry] = field(default_factory=dict)
    lapses: tuple[Lapse, ...] = ()
    broken: tuple[str, ...] = ()
    index: PhrasingIndex | None = None

    @property
    def withheld(self) -> tuple[str, ...]:
        """Return the topics of the entries that the law no longer bears out."""
        return tuple(dict.fromkeys(lapse.topic_id for lapse in self.lapses))


class CheckedEntries:
    """The entries, checked against each version of the law, and again when a file changes."""

    def __init__(
        self,
        law: Law,
        folders: EntryFolders,
        clock: Clock,
        published: Published | None = None,
    ) -> None:
        self._law, self._folders, self._clock = law, folders, clock
        self._published = published
        self._checking = asyncio.Lock()
        self._stamp: tuple[object, ...] | None = None
        self._in_use = EntriesInUse()
        self._version = ""
        self._looked: tuple[float, tuple[object, ...]] | None = None

    @property
    def version(self) -> str:
        """Return a hash of the entries in use; another one where none can be matched."""
        return self._version

    def category_of(self, topic_id: str) -> str | None:
        """Return the category of an entry in use."""
        entry = self._in_use.entries.get(topic_id)
        return entry.category if entry else None

    async def current(self) -> EntriesInUse:
        """Return the entries that the law in service bears out. Raises CorpusMissing, QueueFull.

        Files are looked at again after `_LOOK_AGAIN_S`.
        """
        version, files = (await self._law.status()).version, await self._files()
        stamp = (version, files, self._published.stamp if self._published else None)
        if stamp != self._stamp:
            async with self._checking:
                if stamp != self._stamp:
                    await self._check(stamp)
        return self._in_use

    async def _check(self, stamp: tuple[object, ...]) -> None:
        files, read, broken = await asyncio.to_thread(self._read)
        wanted = list(dict.fromkeys(one for entry in read.values() for one in source_ids(entry)))
        law = await self._law.wordings(wanted, self._clock.today())
        lapses = await asyncio.to_thread(
            lambda: [lapse for entry in read.values() for lapse in lapses_of(entry, law)]
        )
        withheld = {lapse.topic_id for lapse in lapses}
        kept = {topic: read[topic] for topic in sorted(read) if topic not in withheld}
        index = await asyncio.to_thread(self._open_index, files)
        indexed = {entry.topic_id: entry for entry in files}
        added = [entry for topic, entry in read.items() if indexed.get(topic) != entry]
        if added:
            index = await self._extended(index, added, nothing_else=not files)
        self._in_use = EntriesInUse(kept, tuple(lapses), broken, index)
        self._version = hashlib.sha256(repr((stamp, index is None)).encode()).hexdigest()[:16]
        self._stamp = stamp
        if withheld or broken:
            _log.warning("entries_withheld", entries=len(withheld), broken_files=len(broken))

    def _read(self) -> tuple[Sequence[Entry], dict[str, Entry], tuple[str, ...]]:
        """Return the entries that the index on disk knows, those that may answer, broken files.

        They differ after a publication, a withdrawal or an upgrade, until the next index is made.
        """
        files, broken = self._folders.read()
        unpublished, _ = replace(self._folders, published="").read()
        if self._published is None or self._published.stamp is None:
            answering = files
        else:
            answering = (*unpublished, *self._published.entries)
        indexed = files if self._index_of(files) else unpublished
        return indexed, {entry.topic_id: entry for entry in answering}, broken

    async def lapses_of(self, entry: Entry) -> list[Lapse]:
        """Return what the law in service does not bear out of an entry that is not in use yet.

        Raises CorpusMissing, QueueFull.
        """
        law = await self._law.wordings(source_ids(entry), self._clock.today())
        return await asyncio.to_thread(lambda: list(lapses_of(entry, law)))

    async def with_draft(self, draft: Entry) -> EntriesInUse:
        """Return the entries in use with a draft among them, to try it. Raises as `current` does.

        A draft that the law does not bear out is left out, as it would be.
        """
        in_use = await self.current()
        if await self.lapses_of(draft):
            others = {k: entry for k, entry in in_use.entries.items() if k != draft.topic_id}
            return replace(in_use, entries=others)
        nothing_else = in_use.index is None and not in_use.entries
        index = await self._extended(in_use.index, (draft,), nothing_else=nothing_else)
        return replace(in_use, entries={**in_use.entries, draft.topic_id: draft}, index=index)

    async def _extended(
        self, index: PhrasingIndex | None, added: Sequence[Entry], *, nothing_else: bool
    ) -> PhrasingIndex | None:
        """Return an index that knows the added entries too; None while the files have none."""
        if index is None:
            return (
                await asyncio.to_thread(PhrasingIndex.build, added, None) if nothing_else else None
            )
        meanings: dict[str, Vectors] = {}
        if index.meaning_dimensions:
            for text in texts_embedded(added):
                meaning = await self._law.meaning(text)
                if meaning is None:
                    return None
                meanings[text] = meaning

        def embed(texts: list[str]) -> Vectors:
            return np.array([meanings[one] for one in texts], np.float32)

        return await asyncio.to_thread(index.with_entries, added, embed)

    def _open_index(self, read: Sequence[Entry]) -> PhrasingIndex | None:
        folder = self._index_of(read)
        return PhrasingIndex.open(folder) if folder else None

    def _index_of(self, read: Sequence[Entry]) -> Path | None:
        """Return the index with meanings, or the one by words alone; None without either."""
        with_meanings = self._folders.index_of(read, encoder=True)
        return with_meanings or self._folders.index_of(read, encoder=False)

    async def _files(self) -> tuple[object, ...]:
        """Return what tells that a file changed; files are looked at every `_LOOK_AGAIN_S`."""
        now_s = self._clock.elapsed_s()
        if self._looked is None or now_s - self._looked[0] >= _LOOK_AGAIN_S:
            stamps = await asyncio.to_thread(lambda: tuple(self._folders.stamps()))
            self._looked = (now_s, stamps)
        return self._looked[1]
