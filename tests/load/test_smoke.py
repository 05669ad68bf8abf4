"""The load scenarios themselves, small: twenty users, each second another request of each."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.models.bleuet import ROOT

pytestmark = pytest.mark.slow

TIMEOUT_S = 300
SMALL = ("--users", "20", "--pause", "1", "--asking", "mixed", "--json")


def load(*options: str | Path) -> dict[str, Any]:
    """Return what one scenario told."""
    told = subprocess.run(
        [sys.executable, "-m", "tests.bench.load", *options, *SMALL],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert told.stdout, told.stderr
    figures: dict[str, Any] = json.loads(told.stdout)
    return figures


@pytest.mark.slow(20)
def test_every_request_of_a_small_crowd_is_answered_and_drawn(tmp_path: Path) -> None:
    figures = load("100", "--seconds", "5", "--pictures", tmp_path)

    assert figures["failed"] == {}
    assert figures["answered"] > 20
    assert figures["processors_used"]["clients"] > 0
    drawn = {file.name for file in tmp_path.iterdir()}
    assert drawn == {"100-mixed-requests.svg", "100-mixed-latency.svg"}


@pytest.mark.slow(60)
@pytest.mark.needs("nginx")
def test_a_small_crowd_is_answered_while_every_part_is_killed_once(tmp_path: Path) -> None:
    figures = load("soak", "--minutes", "0.5", "--kill-every", "5", "--pictures", tmp_path)

    kills = [part.partition(" ")[0] for part in figures["kills"]]
    assert kills[:4] == ["ai_core", "redis", "postgres", "model"]
    assert figures["answered"] > 40
    assert figures["error_rate_percent"] < 10
    assert figures["longest_without_an_answer_s"] < 20
    assert (tmp_path / "soak-memory.svg").exists()
