import argparse
import shutil
from contextlib import redirect_stdout
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pytest

from ai_core.law import store
from ai_core.law.cli import add_arguments, run
from ai_core.law.ingest.sample import Sample
from ai_core.law.search import agreement_index
from shared.clock import StoppedClock

pytestmark = pytest.mark.slow

CLOCK = StoppedClock(datetime(2026, 11, 20, 12, tzinfo=UTC))


def corpus(data_dir: Path, *words: str) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args(words), data_dir, CLOCK)


class Updated(NamedTuple):
    """A data folder after its first update."""

    data_dir: Path
    archives: Path
    printed: str
    status: int


@pytest.fixture(scope="module")
def first_update(tmp_path_factory: pytest.TempPathFactory) -> Updated:
    folder = tmp_path_factory.mktemp("updated")
    data_dir, archives = folder / "data", folder / "archives"
    data_dir.mkdir()
    Sample.read().write(archives)
    with redirect_stdout(StringIO()) as printed:
        status = corpus(data_dir, "update", "--from", str(archives))
    return Updated(data_dir, archives, printed.getvalue(), status)


@pytest.fixture
def updated(first_update: Updated, tmp_path: Path) -> Updated:
    """A copy that a test may change."""
    data_dir, archives = tmp_path / "data", tmp_path / "archives"
    shutil.copytree(first_update.data_dir, data_dir, symlinks=True)
    shutil.copytree(first_update.archives, archives)
    return first_update._replace(data_dir=data_dir, archives=archives)


def test_update_then_status_say_which_law_is_in_service(
    updated: Updated, capsys: pytest.CaptureFixture[str]
) -> None:
    assert updated.status == 0
    assert "43 articles, 6 fiches" in updated.printed
    assert corpus(updated.data_dir, "status") == 0
    assert "law of 2026-03-27" in capsys.readouterr().out


def test_before_any_update_status_says_what_to_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert corpus(tmp_path, "status") == 1
    assert "corpus update" in capsys.readouterr().out


def test_a_refused_update_says_why_and_what_stays(
    updated: Updated, capsys: pytest.CaptureFixture[str]
) -> None:
    next(updated.archives.glob("*legi*")).write_bytes(b"damaged")
    assert corpus(updated.data_dir, "update", "--from", str(updated.archives)) == 1
    errors = capsys.readouterr().err
    assert "update failed" in errors
    assert "still in service" in errors
    assert corpus(updated.data_dir, "status") == 1
    assert "last update failed on 2026-11-20" in capsys.readouterr().out


@pytest.mark.parametrize("folder", ["absent", "empty"])
def test_a_wrong_folder_is_told_and_raises_no_alert(
    tmp_path: Path, updated: Updated, capsys: pytest.CaptureFixture[str], folder: str
) -> None:
    (tmp_path / "empty").mkdir()
    assert corpus(updated.data_dir, "update", "--from", str(tmp_path / folder)) == 1
    assert f"update failed: {tmp_path / folder} " in capsys.readouterr().err
    assert corpus(updated.data_dir, "status") == 0
    assert "last update updated" in capsys.readouterr().out


def test_index_builds_what_the_law_in_service_lacks(
    tmp_path: Path, updated: Updated, capsys: pytest.CaptureFixture[str]
) -> None:
    assert corpus(tmp_path / "nothing", "index") == 1
    assert "building: semantic index" in updated.printed
    [lost] = updated.data_dir.rglob(agreement_index.FOLDER)
    shutil.rmtree(lost)
    assert corpus(updated.data_dir, "index") == 0
    printed = capsys.readouterr().out
    assert printed.count("building: ") == 1
    assert "building: agreements index" in printed
    assert corpus(updated.data_dir, "index") == 0
    assert "building" not in capsys.readouterr().out


def test_a_law_that_another_release_imported_is_imported_again(
    tmp_path: Path,
    archives: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Sample.read().write(archives)
    with monkeypatch.context() as earlier:
        earlier.setattr(store, "FORMAT", store.FORMAT - 1)
        corpus(tmp_path, "update", "--from", str(archives))
    capsys.readouterr()
    assert corpus(tmp_path, "status") == 1
    assert "run ./neo corpus update" in capsys.readouterr().out
    assert corpus(tmp_path, "update", "--from", str(archives)) == 0
    assert "updated: version" in capsys.readouterr().out
    assert corpus(tmp_path, "status") == 0
