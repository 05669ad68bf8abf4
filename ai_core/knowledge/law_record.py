"""The law that the entries were checked against: the version and a hash of each source.

`law_record.toml`, written by `knowledge record`, tells a source whose text changed around the words
that decide: its entry still answers, and somebody should read it again.
"""

import difflib
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from ai_core.knowledge.law_checks import source_ids, text_hash
from ai_core.knowledge.records import Entry

FILE = Path(__file__).with_name("law_record.toml")


class Version(Protocol):
    """A version of a source."""

    @property
    def id(self) -> str:
        """Return the id of the version."""
        ...

    @property
    def text(self) -> str:
        """Return its text."""
        ...


@dataclass(frozen=True, slots=True)
class Recorded:
    """A source as it was when its entries were checked."""

    id: str
    text_hash: str


@dataclass(frozen=True, slots=True)
class Change:
    """A source whose text changed since its entries were checked."""

    source: str
    topics: tuple[str, ...]
    before: Recorded
    now: Version


@lru_cache(1)
def law_record() -> Mapping[str, Recorded]:
    """Read the record, by source id."""
    read = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {source: Recorded(*written.split(" ")) for source, written in read["sources"].items()}


def recorded(versions: Mapping[str, Version]) -> str:
    """Return the record's file for these versions, by source id."""
    lines = [
        f'"{source}" = "{found.id} {text_hash(found.text)}"'
        for source, found in sorted(versions.items())
    ]
    return "\n".join(["# Written by `neo knowledge record`.", "", "[sources]", *lines, ""])


def changed(record: Mapping[str, Recorded], source: str, found: Version) -> bool:
    """Whether a source's text is another than the one recorded; one never recorded is not."""
    before = record.get(source)
    return before is not None and before.text_hash != text_hash(found.text)


def changes(
    entries: Iterable[Entry], record: Mapping[str, Recorded], law: Mapping[str, Version]
) -> Iterator[Change]:
    """Yield the sources of these entries that changed."""
    topics: dict[str, list[str]] = {}
    for entry in entries:
        for source in source_ids(entry):
            topics.setdefault(source, []).append(entry.topic_id)
    for source, found in law.items():
        if source in topics and changed(record, source, found):
            yield Change(source, tuple(topics[source]), record[source], found)


def side_by_side(change: Change, text_of: Callable[[str], str | None]) -> str:
    """Return the old and the new text of a source line by line, as a unified diff.

    `text_of` gives the text of a version by its id; None where the law does not hold it any more.
    """
    before = text_of(change.before.id)
    if before is None:
        return f"({change.before.id} is not held any more)\n{change.now.text}"
    lines = difflib.unified_diff(
        before.splitlines(),
        change.now.text.splitlines(),
        change.before.id,
        change.now.id,
        lineterm="",
        n=1,
    )
    return "\n".join(lines)
