"""Public holidays (articles L3133-1 and L3134-13) and working days.

A working day ("jour ouvrable") is any day but the weekly rest day, Sunday, and public holidays.
"""

from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache

from ai_core.calculators.rule_files import code_rules
from ai_core.calculators.tables import matching

_SATURDAY, _SUNDAY = 5, 6
_ONE_DAY = timedelta(days=1)

IsHoliday = Callable[[date], bool]


@lru_cache(maxsize=256)
def public_holidays(year: int, *, alsace_moselle: bool = False) -> frozenset[date]:
    """Return the public holidays of a year, with those of Alsace and Moselle where wanted."""
    table = code_rules().tables["public_holidays"]
    rows, _ = matching(table.rows, {"alsace_moselle": alsace_moselle}, table.bands)
    return frozenset(row.outcome.of(year) for row in rows)


def holiday_test(*, alsace_moselle: bool = False) -> IsHoliday:
    """Return a function that says whether a day is a public holiday."""
    return lambda day: day in public_holidays(day.year, alsace_moselle=alsace_moselle)


def is_working_day(day: date, is_holiday: IsHoliday) -> bool:
    """Whether it is neither a Sunday nor a public holiday."""
    return day.weekday() != _SUNDAY and not is_holiday(day)


def working_days_later(day: date, count: int, is_holiday: IsHoliday) -> date:
    """Return the last of so many working days after a day."""
    while count:
        day += _ONE_DAY
        count -= is_working_day(day, is_holiday)
    return day


def carried_over(day: date, is_holiday: IsHoliday) -> date:
    """Return the day, or the next working day where it is a Saturday, a Sunday or a holiday."""
    while day.weekday() == _SATURDAY or not is_working_day(day, is_holiday):
        day += _ONE_DAY
    return day
