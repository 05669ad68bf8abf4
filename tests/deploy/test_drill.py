"""`./neo drill`: standbys promoted while services run, and a report that says what was not kept."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.drill import postgres_promotion, redis_promotion
from deploy.drill.__main__ import main, report
from deploy.drill.outcome import Outcome

pytestmark = pytest.mark.slow(25)


def test_a_synchronous_standby_takes_over_and_no_acknowledged_row_is_lost(tmp_path: Path) -> None:
    found = postgres_promotion.drill(tmp_path, synchronous=True)
    assert found.acknowledged > postgres_promotion.WRITES
    assert found.lost == 0
    assert found.outcome.kept
    assert 0 < found.written_s < 60
    assert 0 < found.ready_s < 60


def test_a_sentinel_promotes_a_replica_that_has_every_write_it_was_waited_for(
    tmp_path: Path,
) -> None:
    found = redis_promotion.drill(tmp_path, waits=True)
    assert found.acknowledged > redis_promotion.WRITES
    assert found.lost == 0
    assert found.written_s > redis_promotion.DOWN_AFTER_MS / 1000 / 2


def test_a_row_that_is_lost_breaks_the_promise_of_a_synchronous_standby_alone() -> None:
    def outcome(*, synchronous: bool) -> Outcome:
        return postgres_promotion.Promotion(synchronous, 400, 3, 0.1, 0.2, 0.3).outcome

    assert not outcome(synchronous=True).kept
    assert outcome(synchronous=False).kept
    assert "3 of 400 acknowledged rows lost" in outcome(synchronous=False).told


def test_what_was_not_kept_is_in_the_report_and_in_the_exit_status(tmp_path: Path) -> None:
    written = tmp_path / "report.md"
    assert main(["restore", "--neo", str(tmp_path), "--report", str(written)]) == 1
    assert "| restore | nothing was backed up yet: ./neo backup | **NOT KEPT** |" in (
        written.read_text()
    )
    said = report([Outcome("a", "told", kept=True)], datetime(2026, 11, 30, 12, tzinfo=UTC))
    assert said.startswith("# Drill of 2026-11-30 12:00 UTC\n")
    assert said.endswith("| a | told | kept |\n")
