"""The minimum wage of the day, from the data file beside this module."""

import tomllib
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path

FILE = Path(__file__).with_name("minimum_wage.toml")


@dataclass(frozen=True, slots=True)
class MinimumWage:
    """Gross pay at the minimum wage since a day: an hour's, and a month's of 35 hours a week."""

    hourly_eur: Fraction
    monthly_eur: Fraction
    since: date
    valid_until: date
    source: str
    fragment: str


def _read() -> MinimumWage:
    table = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return MinimumWage(
        Fraction(table["hourly_gross_eur"]),
        Fraction(table["monthly_gross_eur"]),
        *(table[name] for name in ("since", "valid_until", "source", "fragment")),
    )


_HELD = _read()


def minimum_wage(day: date) -> MinimumWage | None:
    """Return the minimum wage on a day; None for a day whose amount is not held."""
    return _HELD if _HELD.since <= day <= _HELD.valid_until else None
