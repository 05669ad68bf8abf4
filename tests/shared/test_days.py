from datetime import date

from shared.days import written_day


def test_the_first_of_a_month_is_written_as_the_french_do() -> None:
    assert written_day(date(2026, 5, 1), "fr") == "1er mai 2026"
    assert written_day(date(2026, 8, 20), "fr") == "20 août 2026"
    assert written_day(date(2026, 5, 1), "en") == "1 May 2026"
