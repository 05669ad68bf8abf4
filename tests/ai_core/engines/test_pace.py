import pytest

from ai_core.engines.process.pace import MEMORY_S, Pace


def test_speed_is_tokens_by_seconds_of_work() -> None:
    pace = Pace()
    pace.read(300, 2.0)
    pace.read(100, 0.0)
    pace.wrote(50, 1.0)
    assert pace.speed.reading == pytest.approx(200)
    assert pace.speed.writing == pytest.approx(50)


def test_nothing_measured_is_no_speed() -> None:
    pace = Pace()
    pace.read(300, 0.0)
    assert (pace.speed.reading, pace.speed.writing) == (0, 0)


def test_what_was_measured_long_ago_counts_less() -> None:
    pace = Pace()
    for _ in range(100):
        pace.wrote(100, 1.0)
    for _ in range(round(2 * MEMORY_S)):
        pace.wrote(10, 1.0)
    assert 10 < pace.speed.writing < 40
