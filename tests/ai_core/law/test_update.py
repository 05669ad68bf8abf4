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
from ai_core.law.ingest.update import Update, corpus_status, update_corpus
from ai_core.law.store import FILE_NAME
from ai_core.law.versions import CurrentCorpus, Shelf
from shared.clock import StoppedClock

CLOCK = StoppedClock(datetime(2026, 11, 20, 12, tzinfo=UTC))


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    build_sample(tmp_path, CLOCK)
    return Shelf(tmp_path)


def newer(archives: Path) -> Path:
    sample = Sample.read()
    sample.law_date = "2026-10-01"
    sample.write(archives)
    return archives


def update(shelf: Shelf, archives: Path, *, force: bool = False) -> Update:
    return update_corpus(shelf, CLOCK, folder=archives, force=force)


def test_the_first_update_puts_a_corpus_in_service(shelf: Shelf) -> None:
    corpus = CurrentCorpus(shelf).get()
    assert corpus.counts.articles == len(Sample.read().articles)
    status = corpus_status(shelf, corpus)
    assert (status.law_date.isoformat(), status.last_failure) == ("2026-03-27", None)
    assert status.imported_at == "2026-11-20T12:00:00+00:00"


def test_without_a_corpus_the_service_says_so(tmp_path: Path) -> None:
    with pytest.raises(CorpusMissing):
        CurrentCorpus(Shelf(tmp_path)).get()


def test_the_same_sources_change_nothing(shelf: Shelf, archives: Path) -> None:
    mark = shelf.mark()
    Sample.read().write(archives)
    assert update(shelf, archives).outcome == "unchanged"
    assert shelf.mark() == mark


def test_a_running_service_sees_the_new_corpus(shelf: Shelf, archives: Path) -> None:
    current = CurrentCorpus(shelf)
    old = current.get()
    assert current.get() is old
    update(shelf, newer(archives))
    assert current.get().law_date.isoformat() == "2026-10-01"
    assert next(old.articles()).number == "L1"


def test_the_version_before_is_kept_and_older_ones_deleted(shelf: Shelf, archives: Path) -> None:
    first = shelf.current()
    second = update(shelf, newer(archives)).version
    sample = Sample.read()
    sample.law_date = "2026-11-01"
    sample.write(archives)
    third = update(shelf, archives).version
    assert {p.name for p in shelf.root.iterdir() if p.is_dir()} == {second, third}
    assert first not in (second, third)


def test_fewer_articles_are_refused_unless_forced(shelf: Shelf, archives: Path) -> None:
    old = shelf.current()
    sample = Sample.read()
    sample.articles = sample.articles[:-1]
    sample.write(archives)
    with pytest.raises(CorpusRefused, match="42 articles, the one in service 43"):
        update(shelf, archives)
    assert shelf.current() == old
    failure = corpus_status(shelf, CurrentCorpus(shelf).get()).last_failure
    assert failure == "it has 42 articles, the one in service 43"
    assert update(shelf, archives, force=True).outcome == "updated"
    assert corpus_status(shelf, CurrentCorpus(shelf).get()).last_failure is None


def test_an_older_law_is_refused(shelf: Shelf, archives: Path) -> None:
    sample = Sample.read()
    sample.law_date = "2026-01-01"
    sample.write(archives)
    with pytest.raises(CorpusRefused, match="older"):
        update(shelf, archives)


def test_an_empty_article_is_refused(shelf: Shelf, archives: Path) -> None:
    sample = Sample.read()
    sample.articles[3] = {**sample.articles[3], "text": " "}
    sample.write(archives)
    with pytest.raises(CorpusRefused, match="no text"):
        update(shelf, archives)


def test_a_code_with_nothing_in_force_is_refused(tmp_path: Path, archives: Path) -> None:
    sample = Sample.read()
    sample.articles = [{**a, "until": datetime(2020, 1, 1, tzinfo=UTC)} for a in sample.articles]
    sample.write(archives)
    with pytest.raises(CorpusRefused, match="in force"):
        update(Shelf(tmp_path), archives)


@pytest.mark.parametrize("package", ["legi", "fiches", "kali"])
@pytest.mark.parametrize("damage", ["truncated", "flipped", "not json"])
def test_a_damaged_archive_is_refused_and_the_corpus_stays(
    shelf: Shelf, archives: Path, package: str, damage: str
) -> None:
    old = shelf.current()
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
        update(shelf, archives)
    assert shelf.current() == old
    assert CurrentCorpus(shelf).get().intact()
    assert not list(shelf.root.glob(".incoming-*"))


def test_a_tree_of_another_shape_is_refused(shelf: Shelf, archives: Path) -> None:
    sample = Sample.read()
    sample.fiches[0] = {**sample.fiches[0], "date": "2026-01-07"}
    sample.write(archives)
    with pytest.raises(CorpusRefused, match="format"):
        update(shelf, archives)


def test_a_failing_index_keeps_the_old_corpus(shelf: Shelf, archives: Path) -> None:
    def fail(directory: Path) -> None:
        assert (directory / FILE_NAME).is_file()
        raise OSError("no space left on device")

    old = shelf.current()
    with pytest.raises(OSError, match="no space"):
        update_corpus(shelf, CLOCK, folder=newer(archives), prepare=fail)
    assert shelf.current() == old
    last = shelf.last_update()
    assert last is not None
    assert (last.outcome, last.reason) == ("failed", "no space left on device")


def test_what_prepare_writes_enters_service_with_the_corpus(shelf: Shelf, archives: Path) -> None:
    def index(directory: Path) -> None:
        (directory / "semantic.bin").write_bytes(b"1")

    update_corpus(shelf, CLOCK, folder=newer(archives), prepare=index)
    corpus = CurrentCorpus(shelf).get()
    assert (corpus.directory / "semantic.bin").read_bytes() == b"1"
    assert corpus_status(shelf, corpus).semantic


def test_a_corpus_damaged_in_service_is_imported_again(shelf: Shelf, archives: Path) -> None:
    version = shelf.current()
    assert version is not None
    (shelf.place(version) / FILE_NAME).write_bytes(b"damaged")
    Sample.read().write(archives)
    assert update(shelf, archives).outcome == "updated"
    assert CurrentCorpus(shelf).get().version == version


def test_two_updates_do_not_run_at_once(shelf: Shelf, archives: Path) -> None:
    with shelf.turn(), pytest.raises(UpdateUnderWay):
        update(shelf, newer(archives))


UPDATE = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from ai_core.law.versions import Shelf
from ai_core.law.ingest.update import update_corpus
from shared.clock import StoppedClock

def pause(directory):
    print("indexing", flush=True)
    time.sleep(float(sys.argv[3]))

clock = StoppedClock(datetime(2026, 11, 20, 12, tzinfo=UTC))
print("ready", flush=True)
update_corpus(Shelf(Path(sys.argv[1])), clock, folder=Path(sys.argv[2]), prepare=pause)
"""


def kill_update(data_dir: Path, archives: Path, *, at: str, after_s: float, pause_s: float) -> None:
    arguments = [sys.executable, "-c", UPDATE, str(data_dir), str(archives), str(pause_s)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        while running.stdout.readline().strip() != at:
            assert running.poll() is None
        time.sleep(after_s)
        os.kill(running.pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("at", "after_s", "pause_s"),
    [("indexing", 0, 30), ("ready", 0.004, 0), ("ready", 0.012, 0), ("indexing", 0.001, 0)],
)
def test_a_killed_update_leaves_a_whole_corpus_and_the_next_one_goes_through(
    shelf: Shelf, tmp_path: Path, archives: Path, at: str, after_s: float, pause_s: float
) -> None:
    newer(archives)
    kill_update(tmp_path, archives, at=at, after_s=after_s, pause_s=pause_s)
    assert CurrentCorpus(shelf).get().intact()
    version = update(shelf, archives).version
    assert shelf.current() == version
    assert CurrentCorpus(shelf).get().law_date.isoformat() == "2026-10-01"


def test_a_version_renamed_but_not_pointed_to_is_taken_up(shelf: Shelf, archives: Path) -> None:
    old = shelf.current()
    version = update(shelf, newer(archives)).version
    assert old is not None
    shelf.put_in_service(old)
    assert CurrentCorpus(shelf).get().version == old
    assert update(shelf, archives).outcome == "updated"
    assert shelf.current() == version


def test_what_a_killed_update_left_is_swept(shelf: Shelf, archives: Path) -> None:
    (shelf.root / ".incoming-dead").mkdir()
    update(shelf, newer(archives))
    assert not list(shelf.root.glob(".incoming-*"))


def test_a_pointer_to_an_unreadable_version_keeps_the_open_corpus(shelf: Shelf) -> None:
    current = CurrentCorpus(shelf)
    old = current.get()
    shelf.place("0" * 16).mkdir()
    (shelf.place("0" * 16) / FILE_NAME).write_bytes(b"damaged")
    shelf.put_in_service("0" * 16)
    assert current.get() is old
    with pytest.raises(CorpusMissing):
        CurrentCorpus(shelf).get()


def test_a_corpus_is_read_only(shelf: Shelf) -> None:
    version = shelf.current()
    assert version is not None
    corpus = Corpus(shelf.place(version))
    corpus.close()
    with pytest.raises(sqlite3.ProgrammingError):
        corpus.in_force(CLOCK.today())
