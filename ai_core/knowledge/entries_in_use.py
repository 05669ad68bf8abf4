"""The entries in use: the shipped and the operator's, less what the law no longer bears out.

They are compared with each version of the law as it enters service. The index of phrasings is made
by `knowledge index`; until it is there, no question is matched.
"""

import asyncio
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Protocol

import structlog

from ai_core.errors import EntryFileInvalid
from ai_core.knowledge.entry_files import files_in, read_entry, shipped_entries
from ai_core.knowledge.law_checks import Lapse, SourceText, lapses_of, source_ids
from ai_core.knowledge.phrasing_index import FOLDER_PREFIX, PhrasingIndex, index_version
from ai_core.knowledge.records import Entry
from shared.clock import Clock

FOLDER = "knowledge"
OWN_FOLDER = "entries"
"""The operator's own entries, below `FOLDER` in the data folder."""
PUBLISHED_FOLDER, NEXT_FOLDER = "published", "published.next"
"""Those published in the console, beside them, and the next ones; see `publishing.py`."""

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


def own_folder(data_dir: Path) -> Path:
    """Return the folder of the operator's own entries."""
    return data_dir / FOLDER / OWN_FOLDER


def published_files(data_dir: Path, folder: str = PUBLISHED_FOLDER) -> list[Path]:
    """Return the files of the entries that were published in the console."""
    return sorted((data_dir / FOLDER / folder).glob("*.json"))


def read_entries(
    data_dir: Path, *, shipped: bool = True, published: str = PUBLISHED_FOLDER
) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """Read the shipped entries and the operator's, which win; and why files of theirs cannot be.

    Those published in the console, in the folder `published`, win over their files.

    Raises EntryFileInvalid for a shipped one.
    """
    entries = {entry.topic_id: entry for entry in (shipped_entries() if shipped else ())}
    broken: list[str] = []
    own = (*files_in(own_folder(data_dir)), *published_files(data_dir, published))
    for path in own:
        try:
            entry = read_entry(path)
        except EntryFileInvalid as error:
            broken.append(str(error))
        else:
            entries[entry.topic_id] = entry
    return tuple(entries[topic] for topic in sorted(entries)), tuple(broken)


def index_folder(data_dir: Path, entries: Sequence[Entry], *, encoder: bool) -> Path:
    """Return where the index of these entries is kept."""
    version = index_version(entries, encoder=encoder)
    return data_dir / FOLDER / f"{FOLDER_PREFIX}{version}"


class CheckedEntries:
    """The entries, checked against each version of the law, and again when a file changes."""

    def __init__(self, law: Law, data_dir: Path, clock: Clock, *, shipped: bool = True) -> None:
        """`shipped` False: the operator's own entries alone."""
        self._law, self._data_dir, self._clock = law, data_dir, clock
        self._shipped = shipped
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
        stamp = ((await self._law.status()).version, await self._files())
        if stamp != self._stamp:
            async with self._checking:
                if stamp != self._stamp:
                    await self._check(stamp)
        return self._in_use

    async def _check(self, stamp: tuple[object, ...]) -> None:
        read, broken = await asyncio.to_thread(
            lambda: read_entries(self._data_dir, shipped=self._shipped)
        )
        wanted = list(dict.fromkeys(one for entry in read for one in source_ids(entry)))
        law = await self._law.wordings(wanted, self._clock.today())
        lapses = await asyncio.to_thread(
            lambda: [lapse for entry in read for lapse in lapses_of(entry, law)]
        )
        withheld = {lapse.topic_id for lapse in lapses}
        kept = {entry.topic_id: entry for entry in read if entry.topic_id not in withheld}
        index = await asyncio.to_thread(self._open_index, read)
        self._in_use = EntriesInUse(kept, tuple(lapses), broken, index)
        self._version = hashlib.sha256(repr((stamp, index is None)).encode()).hexdigest()[:16]
        self._stamp = stamp
        if withheld or broken:
            _log.warning("entries_withheld", entries=len(withheld), broken_files=len(broken))

    def _open_index(self, read: Sequence[Entry]) -> PhrasingIndex | None:
        """Open the index with meanings, or the one by words alone; None without either."""
        for encoder in (True, False):
            folder = index_folder(self._data_dir, read, encoder=encoder)
            if folder.exists():
                return PhrasingIndex.open(folder)
        return None

    async def _files(self) -> tuple[object, ...]:
        """Return what tells that a file changed; files are looked at every `_LOOK_AGAIN_S`."""
        now_s = self._clock.elapsed_s()
        if self._looked is None or now_s - self._looked[0] >= _LOOK_AGAIN_S:
            stamps = await asyncio.to_thread(lambda: tuple(_stamps(self._data_dir)))
            self._looked = (now_s, stamps)
        return self._looked[1]


def _stamps(data_dir: Path) -> Iterator[tuple[str, int]]:
    """Yield what tells that an own entry or the index changed."""
    files = (*files_in(own_folder(data_dir)), *published_files(data_dir))
    for path in (*files, *(data_dir / FOLDER).glob(f"{FOLDER_PREFIX}*")):
        try:
            yield str(path), path.stat().st_mtime_ns
        except FileNotFoundError:  # replaced meanwhile: the next look sees it
            continue
