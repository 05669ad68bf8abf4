"""A run over several processes names a failed test at once, and what took long at its end."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import run_report

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
CONFTEST = "from tests.run_report import begin as pytest_sessionstart\n"
FAILS = """
def test_sums():
    assert 1 + 1 == 3, "one and one"
"""
WAITS = """
import time
from pathlib import Path

def test_waits():
    limit = time.monotonic() + 60
    while not Path("{flag}").exists():
        assert time.monotonic() < limit
        time.sleep(0.02)

def test_counts(subtests):
    for number in range(3):
        with subtests.test(number=number):
            time.sleep({pause_s} / 3)
"""
QUICK = ("-m", "not slow")


@contextmanager
def run_of(folder: Path, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """Run the tests of a folder in two processes; yield what prints."""
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = slow\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "xdist", "-n", "2", "--dist", "loadfile"]
    with subprocess.Popen(
        [*command, "--import-mode=importlib", "-p", "no:cacheprovider", *options, str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_failed_test_is_named_while_others_run(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    (tmp_path / "test_first.py").write_text(FAILS)
    (tmp_path / "test_second.py").write_text(WAITS.format(flag=flag, pause_s=0))
    with run_of(tmp_path) as process:
        assert process.stdout
        named = next(line for line in process.stdout if line.startswith("FAILED"))
        flag.touch()  # only now does the other test end
        rest = process.stdout.read()
    assert named.endswith("test_first.py::test_sums - AssertionError: one and one\n")
    assert "1 failed, 2 passed" in rest


def test_slow_tests_of_the_quick_lane_and_slow_files_are_listed(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    flag.touch()
    pause_s = run_report.QUICK_S + 0.3
    (tmp_path / "test_second.py").write_text(WAITS.format(flag=flag, pause_s=pause_s))
    with run_of(tmp_path, *QUICK) as process:
        assert process.stdout
        printed = process.stdout.read()
    _, files, quick = printed.partition("slowest")
    files, _, quick = quick.partition("not marked slow")
    assert "test_second.py\n" in files
    assert quick.count("::test_") == 1
    seconds = float(quick.split("::test_counts")[0].split(" s ")[0].split()[-1])
    assert pause_s <= seconds < 2 * pause_s  # subtests are not counted twice


def test_a_whole_run_lists_no_test_as_unmarked(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    flag.touch()
    pause_s = run_report.QUICK_S + 0.3
    (tmp_path / "test_second.py").write_text(WAITS.format(flag=flag, pause_s=pause_s))
    with run_of(tmp_path) as process:
        assert process.stdout
        assert "not marked slow" not in process.stdout.read()
