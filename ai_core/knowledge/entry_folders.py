"""Where knowledge entries lie besides those that are shipped, and the indexes that find them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ai_core.errors import EntryFileInvalid
from ai_core.knowledge.entry_files import files_in, read_entry, shipped_entries
from ai_core.knowledge.phrasing_index import FOLDER_PREFIX, index_version
from ai_core.knowledge.records import Entry
from ai_core.knowledge.text_meanings import FILE as MEANINGS

FOLDER = "knowledge"
OWN_FOLDER = "entries"
"""The operator's own entries, below `FOLDER` in the data folder."""
PUBLISHED_FOLDER, NEXT_FOLDER = "published", "published.next"
"""Those published at the desk, in the folder that is written, and the next ones; see
`publishing.py`."""


@dataclass(frozen=True, slots=True)
class EntryFolders:
    """`FOLDER` in the data folder, and the folder that is written: the same unless it is named.

    An image brings the first, with the index of the shipped entries, and cannot write it.
    """

    data_dir: Path
    written_to: Path | None = None
    shipped: bool = True
    """False: without the entries that come with the service."""
    published: str = PUBLISHED_FOLDER
    """The folder of those published at the desk; "": none."""

    @property
    def home(self) -> Path:
        """Return the folder of the operator's entries and the index made with the law."""
        return self.data_dir / FOLDER

    @property
    def written(self) -> Path:
        """Return the folder of what is published and of its index."""
        return self.written_to or self.home

    @property
    def own(self) -> Path:
        """Return the folder of the operator's own entries."""
        return self.home / OWN_FOLDER

    def read(self) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
        """Read the shipped entries and the operator's, which win; and why files cannot be read.

        Those published at the desk win over both. Raises EntryFileInvalid for a shipped one.
        """
        entries = {entry.topic_id: entry for entry in (shipped_entries() if self.shipped else ())}
        broken: list[str] = []
        for path in self._files():
            try:
                entry = read_entry(path)
            except EntryFileInvalid as error:
                broken.append(str(error))
            else:
                entries[entry.topic_id] = entry
        return tuple(entries[topic] for topic in sorted(entries)), tuple(broken)

    def index_of(self, entries: Sequence[Entry], *, encoder: bool) -> Path | None:
        """Return the folder of the index of these entries; None while there is none."""
        name = f"{FOLDER_PREFIX}{index_version(entries, encoder=encoder)}"
        return next((home / name for home in self._homes() if (home / name).exists()), None)

    def next_index_of(self, entries: Sequence[Entry], *, encoder: bool) -> Path:
        """Return where the index of these entries is to be made."""
        return self.written / f"{FOLDER_PREFIX}{index_version(entries, encoder=encoder)}"

    def meanings(self) -> tuple[Path, Path]:
        """Return the file of meanings to write, and the one to begin with."""
        kept = self.written / MEANINGS
        return kept, kept if kept.exists() else self.home / MEANINGS

    def stamps(self) -> Iterator[tuple[str, int]]:
        """Yield what tells that an entry of the operator's, a published one or an index changed."""
        indexes = (path for home in self._homes() for path in home.glob(f"{FOLDER_PREFIX}*"))
        for path in (*self._files(), *indexes):
            try:
                yield str(path), path.stat().st_mtime_ns
            except FileNotFoundError:  # replaced meanwhile: the next look sees it
                continue

    def _files(self) -> tuple[Path, ...]:
        published = (self.written / self.published).glob("*.json") if self.published else ()
        return (*files_in(self.own), *sorted(published))

    def _homes(self) -> tuple[Path, ...]:
        return tuple(dict.fromkeys((self.written, self.home)))
