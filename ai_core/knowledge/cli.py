"""`knowledge list|check|add|index|test|record`, for operators and lawyers."""

import argparse
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Protocol

from ai_core.errors import EntryFileInvalid
from ai_core.knowledge.entry_checks import faults_among, faults_of
from ai_core.knowledge.entry_files import read_entry
from ai_core.knowledge.entry_folders import NEXT_FOLDER, PUBLISHED_FOLDER, EntryFolders
from ai_core.knowledge.law_checks import lapses_of, source_ids
from ai_core.knowledge.law_record import (
    FILE,
    changes,
    law_record,
    recorded,
    side_by_side,
)
from ai_core.knowledge.phrasing_index import FOLDER_PREFIX, PhrasingIndex
from ai_core.knowledge.records import Entry
from ai_core.knowledge.text_meanings import TextMeanings
from ai_core.law.records import Wording
from ai_core.law.search import encoder
from shared.languages import LANGUAGES


class Law(Protocol):
    """The law in service."""

    def wording(self, source_id: str, day: date) -> Wording | None:
        """Return what a source says on a day, by its number or id."""
        ...

    def version_text(self, version_id: str) -> str | None:
        """Return the text of a version by its id, in force or not."""
        ...


OpenLaw = Callable[[], Law]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="the entries, by category, with their languages")
    check = actions.add_parser("check", help="check every entry, and compare it with the law")
    check.add_argument("files", nargs="*", type=Path, help="these files only")
    add = actions.add_parser("add", help="check an entry file and put it among your own entries")
    add.add_argument("files", nargs="+", type=Path)
    actions.add_parser("index", help="make the index that finds the entries, where it is missing")
    actions.add_parser("publish", help="put the staged entries of the console in use")
    actions.add_parser("test", help="ask what was left out of the index, and count what is found")
    actions.add_parser("record", help="write down the law that the shipped entries rest on")


def run(
    arguments: argparse.Namespace, folders: EntryFolders, today: date, open_law: OpenLaw
) -> int:
    """Run the command; return its exit status. Raises CorpusMissing, EntryFileInvalid."""
    if arguments.action == "list":
        return _list(folders)
    if arguments.action == "index":
        return make_index(folders)
    if arguments.action == "publish":
        return publish(folders)
    if arguments.action == "test":
        return _test(folders)
    if arguments.action == "record":
        return _record(folders, today, open_law())
    if arguments.action == "add":
        return _add(arguments.files, folders, today, open_law())
    return _check(arguments.files, folders, today, open_law())


def make_index(folders: EntryFolders) -> int:
    """Make the index of the entries in use, unless it is there; older ones are removed."""
    folder = _built_folder(folders)
    for older in set(folders.written.glob(f"{FOLDER_PREFIX}*")) - {folder}:
        shutil.rmtree(older, ignore_errors=True)
    return 0


def publish(folders: EntryFolders) -> int:
    """Index the entries that were staged, then put them in the place of the published ones."""
    _built_folder(replace(folders, published=NEXT_FOLDER))
    home = folders.written
    shutil.rmtree(home / f"{PUBLISHED_FOLDER}.old", ignore_errors=True)
    if (home / PUBLISHED_FOLDER).exists():
        (home / PUBLISHED_FOLDER).rename(home / f"{PUBLISHED_FOLDER}.old")
    (home / NEXT_FOLDER).rename(home / PUBLISHED_FOLDER)
    shutil.rmtree(home / f"{PUBLISHED_FOLDER}.old", ignore_errors=True)
    return make_index(folders)


def _built_folder(folders: EntryFolders) -> Path:
    """Return the folder of the index of these entries, which is made where it is missing."""
    entries, broken = folders.read()
    for reason in broken:
        _say(reason, error=True)
    there = folders.index_of(entries, encoder=encoder.installed())
    if there:
        return there
    _say(f"building: index of {len(entries)} entries")
    folder = folders.next_index_of(entries, encoder=encoder.installed())
    folder.parent.mkdir(parents=True, exist_ok=True)
    built_index(entries, folders).save(folder)
    return folder


def built_index(entries: Sequence[Entry], folders: EntryFolders) -> PhrasingIndex:
    """Build the index, with meanings where the encoder is installed, which are kept."""
    if not encoder.installed():
        return PhrasingIndex.build(entries, None)
    kept, known = folders.meanings()
    meanings = TextMeanings(known, encoder.embed, encoder.FOLDER)
    index = PhrasingIndex.build(entries, meanings)
    meanings.save(kept)
    return index


def _list(folders: EntryFolders) -> int:
    entries, _ = folders.read()
    for entry in sorted(entries, key=lambda one: (one.category, one.topic_id)):
        languages = " ".join(entry.languages())
        _say(f"{entry.category:<15}{entry.topic_id:<48}{languages:<12}{entry.question.fr}")
    by_language = Counter(language for entry in entries for language in entry.languages())
    counts = ", ".join(f"{by_language[language]} {language}" for language in LANGUAGES)
    _say(f"{len(entries)} entries: {counts}")
    return 0


def _check(files: Sequence[Path], folders: EntryFolders, today: date, law: Law) -> int:
    """Print every fault, lapse and change; 1 when an entry is withheld or breaks a rule."""
    if files:
        entries, broken = _read(files)
    else:
        entries, broken = folders.read()
    faults = [*broken, *(f"{one.topic_id}: {fault}" for one in entries for fault in faults_of(one))]
    if not files:
        faults += [f"{topic}: {fault}" for topic, fault in faults_among(entries)]
    said = _wordings(entries, today, law)
    lapses = [lapse for entry in entries for lapse in lapses_of(entry, said)]
    for line in (*faults, *map(str, lapses)):
        _say(line, error=True)
    found = list(changes(entries, law_record(), said))
    for change in found:
        _say(f"\n{change.source} changed; read again: {', '.join(change.topics)}")
        _say(side_by_side(change, law.version_text))
    withheld = len({lapse.topic_id for lapse in lapses})
    _say(
        f"{len(entries)} entries, {len(said)} sources: {withheld} withheld, "
        f"{len(found)} sources changed, {len(faults)} faults"
    )
    return 1 if faults or lapses else 0


def _add(files: Sequence[Path], folders: EntryFolders, today: date, law: Law) -> int:
    """Check files and copy them into the operator's folder; none unless all are right."""
    if _check(files, folders, today, law):
        return 1
    folder = folders.own
    folder.mkdir(parents=True, exist_ok=True)
    for path in files:
        shutil.copyfile(path, folder / path.name)
        _say(f"added {path.name}")
    return make_index(folders)


def _test(folders: EntryFolders) -> int:
    """Count, by language, how many phrasings left out of the index find their entry first."""
    entries, _ = folders.read()
    folder = folders.index_of(entries, encoder=encoder.installed())
    index = PhrasingIndex.open(folder) if folder else built_index(entries, folders)
    first: Counter[str] = Counter()
    third: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for entry in entries:
        for language, text in entry.test_phrasings.written():
            meaning = encoder.embed([text])[0] if index.meaning_dimensions else None
            topics = [match.topic_id for match in index.rank(text, meaning, 3)]
            asked[language] += 1
            first[language] += topics[0] == entry.topic_id
            third[language] += entry.topic_id in topics
    for asked_in, count in asked.items():
        one, three = first[asked_in] / count, third[asked_in] / count
        _say(f"{asked_in}: {count} asked, {one:.1%} found first, {three:.1%} among three")
    return 0


def _record(folders: EntryFolders, today: date, law: Law) -> int:
    entries, _ = folders.read()
    said = _wordings(entries, today, law)
    FILE.write_text(recorded(said), encoding="utf-8")
    _say(f"{len(said)} sources recorded")
    return 0


def _wordings(entries: Sequence[Entry], today: date, law: Law) -> Mapping[str, Wording]:
    wanted = dict.fromkeys(one for entry in entries for one in source_ids(entry))
    return {one: found for one in wanted if (found := law.wording(one, today))}


def _read(files: Sequence[Path]) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    entries, broken = [], []
    for path in files:
        try:
            entries.append(read_entry(path))
        except EntryFileInvalid as error:
            broken.append(str(error))
    return tuple(entries), tuple(broken)


def _say(line: str, *, error: bool = False) -> None:
    print(line, file=sys.stderr if error else sys.stdout, flush=True)
