"""Puts a new version of the law in service, or refuses it.

fetch (or take what the operator supplies) → verify → import into a staging folder → check against
the version in service → activate → delete older ones. On any failure the version in service stays,
and the reason is recorded for health and metrics.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ai_core.errors import CorpusNotSupplied, CorpusRefused
from ai_core.law.corpus import Corpus
from ai_core.law.ingest.importing import Report, import_corpus, version_of
from ai_core.law.ingest.sources import Sources, fetch, supplied
from ai_core.law.records import CorpusStatus
from ai_core.law.store import Counts
from ai_core.law.versions import CorpusVersions, LastUpdate, UpdateOutcome
from shared.clock import Clock
from shared.errors import AppError

LARGEST_DROP = 0.02
"""A corpus that loses a larger share of its articles, fiches or agreements is refused: the
publisher's own pipeline once went stale for a month unseen (code-du-travail-numerique #2270)."""

_WATCHED = ("articles", "fiches", "agreements")

Prepare = Callable[[Path], None]


@dataclass(frozen=True, slots=True)
class CorpusUpdate:
    """A successful corpus update."""

    outcome: UpdateOutcome
    version: str
    law_date: date
    counts: Counts


def update_corpus(
    versions: CorpusVersions,
    clock: Clock,
    *,
    folder: Path | None = None,
    force: bool = False,
    prepare: Prepare = lambda directory: None,
    report: Report = lambda line: None,
    fetching: Report = lambda line: None,
) -> CorpusUpdate:
    """Put the pinned corpus, or the one in `folder`, in service.

    `prepare` builds indexes in the new version's folder before it enters service. `force` accepts
    an older or smaller corpus. `report` is told each part before it is imported, `fetching` each
    package before it is fetched. Raises UpdateUnderWay, SourceUnreachable or CorpusRefused; the
    version in service then stays. A folder that holds no corpus is a wrong command, not a failed
    update: nothing is recorded of it, so that no alert speaks.
    """
    with versions.update_lock():
        try:
            archives = versions.root / "archives"
            sources = supplied(folder) if folder else fetch(archives, report=fetching)
            update = _import_and_activate(versions, clock, sources, force, prepare, report)
        except CorpusNotSupplied:
            raise
        except (AppError, OSError, sqlite3.Error) as error:
            versions.record_update(LastUpdate(_now(clock), "failed", str(error)))
            raise
        versions.record_update(LastUpdate(_now(clock), update.outcome))
        return update


def _now(clock: Clock) -> str:
    return clock.now().isoformat(timespec="seconds")


def _import_and_activate(
    versions: CorpusVersions,
    clock: Clock,
    sources: Sources,
    force: bool,
    prepare: Prepare,
    report: Report,
) -> CorpusUpdate:
    version = version_of(sources)
    previous = versions.current()
    old = _opened(versions, previous)
    ready = old if version == previous else _opened(versions, version)
    if ready is None:
        with versions.staging() as directory:
            import_corpus(sources, directory, now=clock.now(), report=report)
            with closing(Corpus(directory)) as new:
                _check(new, old, clock.today(), force)
            prepare(directory)
            versions.publish(directory, version)
        ready = Corpus(versions.folder(version))
    elif version != previous:
        _check(ready, old, clock.today(), force)
    outcome: UpdateOutcome = "unchanged" if old and version == previous else "updated"
    if outcome == "updated":
        versions.activate(version)
        versions.delete_except(version, previous)
    return CorpusUpdate(outcome, version, ready.law_date, ready.counts)


def _opened(versions: CorpusVersions, version: str | None) -> Corpus | None:
    """Open a version if it exists and is intact."""
    if version is None:
        return None
    try:
        corpus = Corpus(versions.folder(version))
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


def corpus_status(versions: CorpusVersions, corpus: Corpus) -> CorpusStatus:
    """Describe the corpus in service and the outcome of its last update."""
    last = versions.last_update()
    return CorpusStatus(
        version=corpus.version,
        law_date=corpus.law_date,
        imported_at=corpus.imported_at,
        articles=corpus.counts.articles,
        fiches=corpus.counts.fiches,
        agreements=corpus.counts.agreements,
        semantic=any(corpus.directory.glob("semantic.*")),
        encoder=any(corpus.directory.glob("encoder.*")),
        last_failure=last.reason if last else None,
    )
