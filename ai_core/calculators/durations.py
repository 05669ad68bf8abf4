"""Durations as the law and the agreements write them: "2 mois", "15 jours calendaires".

To compare two of them a month counts 30 days and a week 7, as the official simulators do.
"""

import re
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

UNITS = ("mois", "semaines", "jours", "jours ouvrés", "jours calendaires", "heures")
_DAYS = {"mois": Fraction(30), "semaines": Fraction(7), "heures": Fraction(1, 24)}
_WRITTEN = re.compile(
    r"(?P<amount>\d+(?:[.,/]\d+)?) (?P<unit>mois|semaines?|heures?|"
    r"jours?(?: (?:ouvré|calendaire)s?)?)"
)
_DAYS_OF_A_MONTH = 30


@dataclass(frozen=True, slots=True)
class Duration:
    """A duration; `unit` is one of UNITS."""

    amount: Fraction
    unit: str

    @property
    def days(self) -> Fraction:
        """Return its days, to compare with another."""
        return self.amount * _DAYS.get(self.unit, Fraction(1))


def read_duration(written: str) -> Duration:
    """Read a duration of a rule file. Raises ValueError."""
    found = _WRITTEN.fullmatch(written.strip())
    if found is None:
        raise ValueError(
            f"{written!r} is no duration: write '2 mois', '15 jours', '2 jours ouvrés'"
        )
    words = [word if word.endswith("s") else f"{word}s" for word in found["unit"].split()]
    return Duration(Fraction(found["amount"].replace(",", ".")), " ".join(words))


def months_between(start: date, end: date) -> Fraction:
    """Return the months of service from one day to another: whole months, and the days beyond
    them in thirtieths, less than a month. Both days are those a contract begins and the moment
    it is looked at, so a year to the day is 12.
    """
    months = (end.year - start.year) * 12 + end.month - start.month
    if _anniversary_not_reached(start, end):
        months -= 1
    year, month = divmod(start.month - 1 + months, 12)
    reached = _day_of(start.year + year, month + 1, start.day)
    days = (end - reached).days
    return months + min(Fraction(days, _DAYS_OF_A_MONTH), Fraction(59, 60))


def _anniversary_not_reached(start: date, end: date) -> bool:
    return end < _day_of(end.year, end.month, start.day)


def _day_of(year: int, month: int, day: int) -> date:
    """Return that day of the month, or its last day where the month is shorter."""
    following = date(year + month // 12, month % 12 + 1, 1)
    last = date.fromordinal(following.toordinal() - 1).day
    return date(year, month, min(day, last))
