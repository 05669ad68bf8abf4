import argparse
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ai_core.law import store
from ai_core.law.cli import add_arguments, run
from ai_core.law.ingest.sample import Sample
from shared.clock import StoppedClock

pytestmark = pytest.mark.slow

CLOCK = StoppedClock(datetime(2026, 11, 20, 12, tzinfo=UTC))


def corpus(data_dir: Path, *words: str) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args(words), data_dir, CLOCK)


def test_update_then_status_say_which_law_is_in_service(
    tmp_path: Path, archives: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Sample.read().write(archives)
    assert corpus(tmp_path, "update", "--from", str(archives)) == 0
    assert "43 articles, 6 fiches" in capsys.readouterr().out
    assert corpus(tmp_path, "status") == 0
    assert "law of 2026-03-27" in capsys.readouterr().out


def test_before_any_update_status_says_what_to_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert corpus(tmp_path, "status") == 1
    assert "corpus update" in capsys.readouterr().out


def test_a_refused_update_says_why_and_what_stays(
    tmp_path: Path, archives: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Sample.read().write(archives)
    corpus(tmp_path, "update", "--from", str(archives))
    next(archives.glob("*legi*")).write_bytes(b"damaged")
    assert corpus(tmp_path, "update", "--from", str(archives)) == 1
    errors = capsys.readouterr().err
    assert "update failed" in errors
    assert "still in service" in errors
    assert corpus(tmp_path, "status") == 1
    assert "last update failed on 2026-11-20" in capsys.readouterr().out


@pytest.mark.parametrize("folder", ["absent", "empty"])
def test_a_wrong_folder_is_told_and_raises_no_alert(
    tmp_path: Path, archives: Path, capsys: pytest.CaptureFixture[str], folder: str
) -> None:
    Sample.read().write(archives)
    corpus(tmp_path, "update", "--from", str(archives))
    (tmp_path / "empty").mkdir()
    assert corpus(tmp_path, "update", "--from", str(tmp_path / folder)) == 1
    assert f"update failed: {tmp_path / folder} " in capsys.readouterr().err
    assert corpus(tmp_path, "status") == 0
    assert "last update updated" in capsys.readouterr().out


def test_index_builds_what_the_law_in_service_lacks(
    tmp_path: Path, archives: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert corpus(tmp_path, "index") == 1
    Sample.read().write(archives)
    corpus(tmp_path, "update", "--from", str(archives))
    assert corpus(tmp_path, "index") == 0
    assert "building: semantic index" in capsys.readouterr().out
    assert corpus(tmp_path, "index") == 0
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
