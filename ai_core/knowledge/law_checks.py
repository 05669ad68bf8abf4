"""Compares entries with the law: their sources are in force and still say the words that decide."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from ai_core.knowledge.records import Entry, EntrySource
from shared.fragments import says, squeezed


class SourceText(Protocol):
    """What a source says in the law in service."""

    @property
    def text(self) -> str:
        """Return its text."""
        ...


@dataclass(frozen=True, slots=True)
class Lapse:
    """A source that no longer bears an entry out; the entry is withheld."""

    topic_id: str
    source: str
    reason: Literal["not_in_force", "fragment_missing"]
    fragment: str = ""

    def __str__(self) -> str:
        if self.reason == "not_in_force":
            return f"{self.topic_id}: {self.source} is not in the law in force"
        return f"{self.topic_id}: {self.source} does not say {self.fragment!r}"


def source_ids(entry: Entry) -> list[str]:
    """Return what the law is asked for."""
    return [source.source_id for source in entry.sources]


def lapses_of(entry: Entry, law: Mapping[str, SourceText]) -> Iterator[Lapse]:
    """Yield what the law, by the ids of `source_ids`, does not bear out."""
    for source in entry.sources:
        found = law.get(source.source_id)
        if found is None:
            yield Lapse(entry.topic_id, source.key, "not_in_force")
        else:
            yield from _missing_fragments(entry, source, found.text)


def _missing_fragments(entry: Entry, source: EntrySource, text: str) -> Iterator[Lapse]:
    for fragment in source.fragments:
        if not says(text, fragment):
            yield Lapse(entry.topic_id, source.key, "fragment_missing", fragment)


def text_hash(text: str) -> str:
    """Return a short hash of a source's text, white space aside."""
    return hashlib.sha256(squeezed(text).encode()).hexdigest()[:16]
