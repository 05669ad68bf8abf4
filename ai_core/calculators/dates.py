"""Months, days and public holidays as the law counts them.

A month runs from a day to the day of the same number, or to the last day of a month without such a
day (code de procédure civile, article 641), which is how dateutil counts. Decision 0151 compares
the conventions and says where the official simulators differ.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from dateutil.relativedelta import relativedelta

DAYS_PER_MONTH = Fraction(487, 16)
"""30.4375, the days of four years over 48 months: for parts of months, as the simulators count."""

_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of days, both ends included."""

    first: date
    last: date


def add_months(day: date, months: int) -> date:
    """Return the day of the same number so many months later, else that month's last day."""
    later: date = day + relativedelta(months=months)
    return later


def whole_months(start: date, end: date) -> int:
    """Return how many whole months lie between two days; negative where `end` comes first."""
    between = relativedelta(end, start)
    return int(between.years * 12 + between.months)


def day_after(day: date) -> date:
    """Return the next day."""
    return day + _ONE_DAY


def end_after(start: date, months: Fraction) -> date:
    """Return the day on which so many months of 30.4375 days from `start` on are over."""
    return start + timedelta(days=int(months * DAYS_PER_MONTH))


def months_within(period: Period, start: date, months: Fraction) -> Fraction:
    """Return how much of an absence of so many months from `start` on lies in a period.

    Whole calendar months first, what remains in days of 1/30.4375 month.
    """
    end = end_after(start, months)
    if start >= period.last or end <= period.first:
        return Fraction(0)
    if period.first <= start and end <= period.last:
        return months
    first, last = max(start, period.first), min(end, period.last)
    calendar_months = (last.year - first.year) * 12 + last.month - first.month
    rest = (last - add_months(first, calendar_months)).days
    return calendar_months + rest / DAYS_PER_MONTH


def calendar_years(start: date, end: date) -> Iterator[Period]:
    """Yield the calendar years that a stretch of time touches, whole."""
    for year in range(start.year, end.year + 1):
        yield Period(date(year, 1, 1), date(year, 12, 31))


def years_of_service(start: date, end: date) -> Iterator[Period]:
    """Yield the years counted from `start`; the last one stops at `end`."""
    first = start
    while first <= end:
        following = add_months(start, 12 * (first.year - start.year + 1))
        yield Period(first, min(following - _ONE_DAY, end))
        first = following


def rolling_years(starts: Iterable[date]) -> Iterator[Period]:
    """Yield twelve months from the first start, then from the first start after them, and so on."""
    last = date.min
    for start in sorted(starts):
        if start > last:
            last = add_months(start, 12) - _ONE_DAY
            yield Period(start, last)
