"""How a new version of the law enters service, or does not.

fetch (or take what the operator supplies) → verify → import aside → check against the version in
service → swap → tidy. Whatever fails, the version in service stays, and the reason is recorded
where health and metrics read it.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ai_core.errors import CorpusRefused
from ai_core.law.corpus import Corpus
from ai_core.law.ingest.importing import Report, import_corpus, version_of
from ai_core.law.ingest.sources import Sources, fetch, supplied
from ai_core.law.records import CorpusStatus
from ai_core.law.store import Counts
from ai_core.law.versions import LastUpdate, Outcome, Shelf
from shared.clock import Clock
from shared.errors import AppError

LARGEST_DROP = 0.02
"""A corpus that loses a larger share of its articles, fiches or agreements is refused: the
publisher's own pipeline once went stale for a month unseen (code-du-travail-numerique #2270)."""

_WATCHED = ("articles", "fiches", "agreements")

Prepare = Callable[[Path], None]


@dataclass(frozen=True, slots=True)
class Update:
    """A corpus update that went well."""

    outcome: Outcome
    version: str
    law_date: date
    counts: Counts


def update_corpus(
    shelf: Shelf,
    clock: Clock,
    *,
    folder: Path | None = None,
    force: bool = False,
    prepare: Prepare = lambda directory: None,
    report: Report = lambda line: None,
) -> Update:
    """Bring the pinned corpus, or the one in `folder`, into service.

    `prepare` builds indexes in the new version's folder before it enters service. `force` accepts
    an older or smaller corpus. Raises UpdateUnderWay, SourceUnreachable or CorpusRefused; the
    version in service then stays.
    """
    with shelf.turn():
        try:
            sources = supplied(folder) if folder else fetch(shelf.root / "archives")
            update = _bring_in(shelf, clock, sources, force, prepare, report)
        except (AppError, OSError, sqlite3.Error) as error:
            shelf.record(LastUpdate(_now(clock), "failed", str(error)))
            raise
        shelf.record(LastUpdate(_now(clock), update.outcome))
        return update


def _now(clock: Clock) -> str:
    return clock.now().isoformat(timespec="seconds")


def _bring_in(
    shelf: Shelf,
    clock: Clock,
    sources: Sources,
    force: bool,
    prepare: Prepare,
    report: Report,
) -> Update:
    version = version_of(sources)
    previous = shelf.current()
    old = _opened(shelf, previous)
    ready = old if version == previous else _opened(shelf, version)
    if ready is None:
        with shelf.incoming() as directory:
            import_corpus(sources, directory, now=clock.now(), report=report)
            with closing(Corpus(directory)) as new:
                _check(new, old, clock.today(), force)
            prepare(directory)
            shelf.accept(directory, version)
        ready = Corpus(shelf.place(version))
    elif version != previous:
        _check(ready, old, clock.today(), force)
    outcome: Outcome = "unchanged" if old and version == previous else "updated"
    if outcome == "updated":
        shelf.put_in_service(version)
        shelf.sweep(version, previous)
    return Update(outcome, version, ready.law_date, ready.counts)


def _opened(shelf: Shelf, version: str | None) -> Corpus | None:
    """Open a version if it is there and whole."""
    if version is None:
        return None
    try:
        corpus = Corpus(shelf.place(version))
        return corpus if corpus.intact() else None
    except CorpusRefused:
        return None


def _check(new: Corpus, old: Corpus | None, today: date, force: bool) -> None:
    if not new.in_force(today):
        raise CorpusRefused("no article of it is in force today")
    if old is None or force:
        return
    if new.law_date < old.law_date:
        raise CorpusRefused(f"its law of {new.law_date} is older than {old.law_date}, in service")
    for name in _WATCHED:
        before, after = getattr(old.counts, name), getattr(new.counts, name)
        if after < before * (1 - LARGEST_DROP):
            raise CorpusRefused(f"it has {after} {name}, the one in service {before}")


def corpus_status(shelf: Shelf, corpus: Corpus) -> CorpusStatus:
    """Describe the corpus in service and how its last update went."""
    last = shelf.last_update()
    return CorpusStatus(
        version=corpus.version,
        law_date=corpus.law_date,
        imported_at=corpus.imported_at,
        articles=corpus.counts.articles,
        fiches=corpus.counts.fiches,
        agreements=corpus.counts.agreements,
        semantic=any(corpus.directory.glob("semantic.*")),
        last_failure=last.reason if last else None,
    )
