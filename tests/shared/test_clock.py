from datetime import UTC, date, datetime

from shared.clock import StoppedClock


def test_the_day_is_the_one_in_paris() -> None:
    just_before_midnight_utc = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    assert StoppedClock(just_before_midnight_utc).today() == date(2026, 11, 21)
