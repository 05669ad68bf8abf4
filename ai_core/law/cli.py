"""`corpus update`, `corpus index` and `corpus status`, for operators."""

import argparse
import sqlite3
import sys
from pathlib import Path
from typing import TextIO

from ai_core.errors import CorpusRefused
from ai_core.law.corpus import Corpus
from ai_core.law.ingest.update import update_corpus
from ai_core.law.search.indexing import build_lexical, missing
from ai_core.law.versions import CorpusVersions
from shared.clock import Clock
from shared.errors import AppError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True)
    update = actions.add_parser("update", help="fetch the law, put it in service, index it")
    update.add_argument(
        "--from",
        dest="folder",
        type=Path,
        metavar="DIR",
        help="a folder with the three npm archives, or their JSON files unpacked",
    )
    update.add_argument(
        "--force", action="store_true", help="accept a corpus older or smaller than the current one"
    )
    index = actions.add_parser(
        "index",
        help="build the search indexes that the law in service lacks, and import it again where "
        "this release cannot read it",
    )
    index.set_defaults(folder=None, force=False)
    actions.add_parser("status", help="say which law is in service and how the last update went")


def run(arguments: argparse.Namespace, data_dir: Path, clock: Clock) -> int:
    """Run the command; returns 0 when a corpus is in service and nothing failed, else 1."""
    versions = CorpusVersions(data_dir)
    if arguments.action == "status":
        return _status(versions)
    wanted = arguments.action == "update" or _unreadable(versions)
    if wanted and not _update(versions, clock, arguments):
        return 1
    return _index(versions)


def _unreadable(versions: CorpusVersions) -> str | None:
    """Return why the law in service cannot be read; None where it can, or where there is none."""
    version = versions.current()
    try:
        if version:
            Corpus(versions.folder(version)).close()
    except CorpusRefused as error:
        return str(error)
    return None


def _update(versions: CorpusVersions, clock: Clock, arguments: argparse.Namespace) -> bool:
    """Put a corpus in service with its lexical index; return whether that succeeded."""
    try:
        update = update_corpus(
            versions,
            clock,
            folder=arguments.folder,
            force=arguments.force,
            prepare=build_lexical,
            report=lambda part: _say(f"importing: {part}"),
            fetching=lambda package: _say(f"fetching: {package}"),
        )
    except (AppError, OSError, sqlite3.Error) as error:
        kept = versions.current()
        _say(f"update failed: {error}", sys.stderr)
        _say(f"still in service: {kept}" if kept else "no corpus is in service", sys.stderr)
        return False
    counts = update.counts
    _say(f"{update.outcome}: version {update.version}, law of {update.law_date}")
    _say(
        f"{counts.articles} articles, {counts.fiches} fiches ({counts.fiche_sections} sections), "
        f"{counts.agreements} agreements ({counts.agreement_articles} articles)"
    )
    return True


def _index(versions: CorpusVersions) -> int:
    """Build the missing indexes of the version in service; a running service reloads them."""
    version = versions.current()
    if version is None:
        _say("no corpus is in service; run: corpus update", sys.stderr)
        return 1
    for name, build in missing(versions.folder(version)):
        _say(f"building: {name} index")
        build(versions.folder(version))
    _say(f"indexes complete: version {version}")
    return 0


def _status(versions: CorpusVersions) -> int:
    version, last = versions.current(), versions.last_update()
    unreadable = _unreadable(versions)
    if version is None:
        _say("no corpus is in service; run: corpus update")
    elif unreadable:
        _say(unreadable)
    else:
        corpus = Corpus(versions.folder(version))
        _say(f"version {version}, law of {corpus.law_date}, imported {corpus.imported_at}")
        _say(f"{corpus.counts.articles} articles, {corpus.counts.fiches} fiches")
    if last:
        reason = f": {last.reason}" if last.reason else ""
        _say(f"last update {last.outcome} on {last.finished_at}{reason}")
    return 0 if version and not unreadable and not (last and last.reason) else 1


def _say(line: str, stream: TextIO | None = None) -> None:
    print(line, file=stream, flush=True)
