import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ai_core.errors import CorpusMissing, CorpusRefused, UpdateUnderWay
from ai_core.law.corpus import Corpus
from ai_core.law.ingest.sample import Sample, build_sample
from ai_core.law.ingest.update import CorpusUpdate, corpus_status, update_corpus
from ai_core.law.library import Library
from ai_core.law.store import FILE_NAME
from ai_core.law.versions import CorpusVersions
from shared.clock import StoppedClock

CLOCK = StoppedClock(datetime(2026, 11, 20, 12, tzinfo=UTC))


@pytest.fixture
def versions(tmp_path: Path) -> CorpusVersions:
    build_sample(tmp_path, CLOCK)
    return CorpusVersions(tmp_path)


def newer(archives: Path) -> Path:
    sample = Sample.read()
    sample.law_date = "2026-10-01"
    sample.write(archives)
    return archives


def update(versions: CorpusVersions, archives: Path, *, force: bool = False) -> CorpusUpdate:
    return update_corpus(versions, CLOCK, folder=archives, force=force)


def corpus_in_service(versions: CorpusVersions) -> Corpus:
    return Corpus(versions.folder(versions.current() or ""))


def test_the_first_update_puts_a_corpus_in_service(versions: CorpusVersions) -> None:
    corpus = corpus_in_service(versions)
    assert corpus.counts.articles == len(Sample.read().articles)
    status = corpus_status(versions, corpus)
    assert (status.law_date.isoformat(), status.last_failure) == ("2026-03-27", None)
    assert status.imported_at == "2026-11-20T12:00:00+00:00"


async def test_without_a_corpus_the_service_says_so(tmp_path: Path) -> None:
    with pytest.raises(CorpusMissing):
        await Library(CorpusVersions(tmp_path)).status()


def test_the_same_sources_change_nothing(versions: CorpusVersions, archives: Path) -> None:
    stamp = versions.stamp()
    Sample.read().write(archives)
    assert update(versions, archives).outcome == "unchanged"
    assert versions.stamp() == stamp


def test_a_running_service_sees_the_new_corpus(versions: CorpusVersions, archives: Path) -> None:
    stamp = versions.stamp()
    old = corpus_in_service(versions)
    assert versions.stamp() == stamp
    update(versions, newer(archives))
    assert versions.stamp() != stamp
    assert corpus_in_service(versions).law_date.isoformat() == "2026-10-01"
    assert next(old.articles()).number == "L1"


def test_the_version_before_is_kept_and_older_ones_deleted(
    versions: CorpusVersions, archives: Path
) -> None:
    first = versions.current()
    second = update(versions, newer(archives)).version
    sample = Sample.read()
    sample.law_date = "2026-11-01"
    sample.write(archives)
    third = update(versions, archives).version
    assert {p.name for p in versions.root.iterdir() if p.is_dir()} == {second, third}
    assert first not in (second, third)


def test_fewer_articles_are_refused_unless_forced(versions: CorpusVersions, archives: Path) -> None:
    old = versions.current()
    sample = Sample.read()
    sample.articles = sample.articles[:-1]
    sample.write(archives)
    with pytest.raises(CorpusRefused, match="42 articles, the one in service 43"):
        update(versions, archives)
    assert versions.current() == old
    failure = corpus_status(versions, corpus_in_service(versions)).last_failure
    assert failure == "it has 42 articles, the one in service 43"
    assert update(versions, archives, force=True).outcome == "updated"
    assert corpus_status(versions, corpus_in_service(versions)).last_failure is None


def test_an_older_law_is_refused(versions: CorpusVersions, archives: Path) -> None:
    sample = Sample.read()
    sample.law_date = "2026-01-01"
    sample.write(archives)
    with pytest.raises(CorpusRefused, match="older"):
        update(versions, archives)


def test_an_empty_article_is_refused(versions: CorpusVersions, archives: Path) -> None:
    sample = Sample.read()
    sample.articles[3] = {**sample.articles[3], "text": " "}
    sample.write(archives)
    with pytest.raises(CorpusRefused, match="no text"):
        update(versions, archives)


def test_a_code_with_nothing_in_force_is_refused(tmp_path: Path, archives: Path) -> None:
    sample = Sample.read()
    sample.articles = [{**a, "until": datetime(2020, 1, 1, tzinfo=UTC)} for a in sample.articles]
    sample.write(archives)
    with pytest.raises(CorpusRefused, match="in force"):
        update(CorpusVersions(tmp_path), archives)


@pytest.mark.parametrize("package", ["legi", "fiches", "kali"])
@pytest.mark.parametrize("damage", ["truncated", "flipped", "not json"])
def test_a_damaged_archive_is_refused_and_the_corpus_stays(
    versions: CorpusVersions, archives: Path, package: str, damage: str
) -> None:
    old = versions.current()
    newer(archives)
    (path,) = archives.glob(f"*{package}*")
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(
        {
            "truncated": content[:middle],
            "flipped": content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :],
            "not json": b"<html>rate limited</html>",
        }[damage]
    )
    with pytest.raises(CorpusRefused):
        update(versions, archives)
    assert versions.current() == old
    assert corpus_in_service(versions).intact()
    assert not list(versions.root.glob(".incoming-*"))


def test_a_tree_of_another_shape_is_refused(versions: CorpusVersions, archives: Path) -> None:
    sample = Sample.read()
    sample.fiches[0] = {**sample.fiches[0], "date": "2026-01-07"}
    sample.write(archives)
    with pytest.raises(CorpusRefused, match="format"):
        update(versions, archives)


def test_a_failing_index_keeps_the_old_corpus(versions: CorpusVersions, archives: Path) -> None:
    def fail(directory: Path) -> None:
        assert (directory / FILE_NAME).is_file()
        raise OSError("no space left on device")

    old = versions.current()
    with pytest.raises(OSError, match="no space"):
        update_corpus(versions, CLOCK, folder=newer(archives), prepare=fail)
    assert versions.current() == old
    last = versions.last_update()
    assert last is not None
    assert (last.outcome, last.reason) == ("failed", "no space left on device")


def test_what_prepare_writes_enters_service_with_the_corpus(
    versions: CorpusVersions, archives: Path
) -> None:
    def index(directory: Path) -> None:
        (directory / "semantic.bin").write_bytes(b"1")

    update_corpus(versions, CLOCK, folder=newer(archives), prepare=index)
    corpus = corpus_in_service(versions)
    assert (corpus.directory / "semantic.bin").read_bytes() == b"1"
    assert corpus_status(versions, corpus).semantic


def test_a_corpus_damaged_in_service_is_imported_again(
    versions: CorpusVersions, archives: Path
) -> None:
    version = versions.current()
    assert version is not None
    (versions.folder(version) / FILE_NAME).write_bytes(b"damaged")
    Sample.read().write(archives)
    assert update(versions, archives).outcome == "updated"
    assert corpus_in_service(versions).version == version


def test_two_updates_do_not_run_at_once(versions: CorpusVersions, archives: Path) -> None:
    with versions.update_lock(), pytest.raises(UpdateUnderWay):
        update(versions, newer(archives))


UPDATE = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from ai_core.law.versions import CorpusVersions
from ai_core.law.ingest.update import update_corpus
from shared.clock import StoppedClock

def pause(directory):
    print("indexing", flush=True)
    time.sleep(float(sys.argv[3]))  # how long indexing takes

clock = StoppedClock(datetime(2026, 11, 20, 12, tzinfo=UTC))
print("ready", flush=True)
update_corpus(CorpusVersions(Path(sys.argv[1])), clock, folder=Path(sys.argv[2]), prepare=pause)
"""


def kill_update(data_dir: Path, archives: Path, *, at: str, after_s: float, pause_s: float) -> None:
    arguments = [sys.executable, "-c", UPDATE, str(data_dir), str(archives), str(pause_s)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        while running.stdout.readline().strip() != at:
            assert running.poll() is None
        time.sleep(after_s)  # the kill comes so long after
        os.kill(running.pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("at", "after_s", "pause_s"),
    [("indexing", 0, 30), ("ready", 0.004, 0), ("ready", 0.012, 0), ("indexing", 0.001, 0)],
)
def test_a_killed_update_leaves_a_whole_corpus_and_the_next_one_goes_through(
    versions: CorpusVersions,
    tmp_path: Path,
    archives: Path,
    at: str,
    after_s: float,
    pause_s: float,
) -> None:
    newer(archives)
    kill_update(tmp_path, archives, at=at, after_s=after_s, pause_s=pause_s)
    assert corpus_in_service(versions).intact()
    version = update(versions, archives).version
    assert versions.current() == version
    assert corpus_in_service(versions).law_date.isoformat() == "2026-10-01"


def test_a_version_renamed_but_not_pointed_to_is_taken_up(
    versions: CorpusVersions, archives: Path
) -> None:
    old = versions.current()
    version = update(versions, newer(archives)).version
    assert old is not None
    versions.activate(old)
    assert corpus_in_service(versions).version == old
    assert update(versions, archives).outcome == "updated"
    assert versions.current() == version


def test_what_a_killed_update_left_is_swept(versions: CorpusVersions, archives: Path) -> None:
    (versions.root / ".incoming-dead").mkdir()
    update(versions, newer(archives))
    assert not list(versions.root.glob(".incoming-*"))


async def test_a_pointer_to_an_unreadable_version_keeps_the_open_corpus(
    versions: CorpusVersions,
) -> None:
    library, restarted = Library(versions), Library(versions)
    old = await library.status()
    await asyncio.to_thread(activate_damaged_version, versions)
    assert await library.status() == old
    with pytest.raises(CorpusMissing):
        await restarted.status()
    await library.close()


def activate_damaged_version(versions: CorpusVersions) -> None:
    versions.folder("0" * 16).mkdir()
    (versions.folder("0" * 16) / FILE_NAME).write_bytes(b"damaged")
    versions.activate("0" * 16)


def test_a_corpus_is_read_only(versions: CorpusVersions) -> None:
    version = versions.current()
    assert version is not None
    corpus = Corpus(versions.folder(version))
    corpus.close()
    with pytest.raises(sqlite3.ProgrammingError):
        corpus.in_force(CLOCK.today())
