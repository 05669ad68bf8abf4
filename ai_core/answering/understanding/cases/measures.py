"""Finds the measures of a text: days, durations, sums of money, hours, counts of days."""

import re
from collections.abc import Iterator
from datetime import date
from fractions import Fraction

from ai_core.answering.understanding.cases.lexicon import Lexicon, Measure

_THOUSANDS = re.compile(r"\d{1,3}(?:[.,]\d{3})+(?:[.,]\d{1,2})?")
_IS_PAY = re.compile(
    r"(?:\b(?:primes?|bonus|13e mois|salaires?|paye\w*|gagn\w*|touch\w*|bruts?|gross|earn\w*|salary"
    r"|wages?|paie|remuner\w*)\b[^,;.\d]{0,25}(?<!en )(?<!in )(?<!depuis )(?<!since )(?<!debut )"
    r"(?<!fin )(?<!annee )(?<!year )|\b(?:salary|pay) of )$"
)
"""Words of pay before "2000", which is then no year."""
_MONTHS_A_YEAR = 12
_LONGEST_MONTHS = 70 * _MONTHS_A_YEAR
_FIRST_YEAR, _LAST_YEAR = 1950, 2100
_CENTURY = 2_000


def measures(text: str, lexicon: Lexicon, today: date) -> list[Measure]:
    """Return the measures of a text in their order, none inside another."""
    taken: list[Measure] = []
    for found in (
        *_dates(text, lexicon, today),
        *_durations(text, lexicon),
        *_hours(text, lexicon),
        *_days(text, lexicon),
        *_money(text, lexicon),
    ):
        if not any(found.start < one.stop and one.start < found.stop for one in taken):
            taken.append(found)
    return sorted(taken, key=lambda measure: measure.start)


def sum_of(written: str) -> Fraction:
    """Return a sum as people write it: "1 850,50", "2.300", "2,300", "1.9k", "2k4"."""
    digits = re.sub(r"\s", "", written)
    factor = 1
    if digits.endswith("k"):
        digits, factor = digits[:-1], 1_000
    elif "k" in digits:
        return Fraction(digits.replace("k", ".")) * 1_000
    if factor == 1 and _THOUSANDS.fullmatch(digits):
        whole, cents = (digits[:-3], digits[-2:]) if _has_cents(digits) else (digits, "0")
        return Fraction(f"{re.sub(r'[.,]', '', whole)}.{cents}")
    return Fraction(digits.replace(",", ".")) * factor


def _has_cents(digits: str) -> bool:
    return digits[-3] in ".," and len(digits) > 3


def _dates(text: str, lexicon: Lexicon, today: date) -> Iterator[Measure]:
    for found in lexicon.dates.finditer(text):
        if found.groupdict().get("only_year") and _IS_PAY.search(text[: found.start()]):
            continue
        if day := _day(found, lexicon, today):
            yield Measure("date", found.start(), found.end(), day=day)


def _day(found: re.Match[str], lexicon: Lexicon, today: date) -> str | None:
    """Return the day that was written, as precise as it was; None for no such day."""
    groups = found.groupdict()
    if groups.get("relative"):
        day = lexicon.relative_day(groups["relative"], today)
        return day.isoformat() if day else None
    if groups.get("only_year"):
        return groups["only_year"]
    month = _month(groups, lexicon)
    year = _year(groups)
    number = groups.get("day") or groups.get("slash_day")
    if month is None or (year and not _FIRST_YEAR <= year <= _LAST_YEAR):
        return None
    if number is None:
        return f"{year:04}-{month:02}" if year else None
    digits = int(re.sub(r"\D", "", number))
    try:
        if year:
            return date(year, month, digits).isoformat()
        return _nearest(date(today.year, month, digits), today).isoformat()
    except ValueError:
        return None


def _nearest(day: date, today: date) -> date:
    """Return the last such day of a year that was not told, today's year or the one before."""
    return day if day <= today else day.replace(year=day.year - 1)


def _month(groups: dict[str, str | None], lexicon: Lexicon) -> int | None:
    written = groups.get("month") or groups.get("slash_month")
    if written is None:
        return None
    return lexicon.months.get(written) or (int(written) if written.isdecimal() else None)


def _year(groups: dict[str, str | None]) -> int | None:
    written = groups.get("year") or groups.get("slash_year")
    if not written:
        return None
    year = int(written)
    return year + _CENTURY if year < 100 else year


def _durations(text: str, lexicon: Lexicon) -> Iterator[Measure]:
    for found in lexicon.duration.finditer(text):
        groups = {name: value for name, value in found.groupdict().items() if value}
        value = _months_told(groups, lexicon)
        if 0 < value <= _LONGEST_MONTHS:
            yield Measure(
                "duration",
                found.start(),
                found.end(),
                value,
                weeks="weeks" in groups,
                years_only=groups.keys() <= {"years", "age"},
            )


def _months_told(groups: dict[str, str], lexicon: Lexicon) -> Fraction:
    """Return the months of a duration; of one in weeks, the weeks."""
    if "weeks" in groups:
        return lexicon.number(groups["weeks"])
    parts = [
        lexicon.number(groups[name]) * factor
        for name, factor in (("years", _MONTHS_A_YEAR), ("age", _MONTHS_A_YEAR))
        if name in groups
    ]
    parts += [lexicon.number(groups[name]) for name in ("extra", "months") if name in groups]
    half_months = Fraction(_MONTHS_A_YEAR * ("half" in groups) + ("half_month" in groups), 2)
    return sum(parts, half_months)


def _hours(text: str, lexicon: Lexicon) -> Iterator[Measure]:
    for found in lexicon.hours.finditer(text):
        hours = lexicon.number(found["hours"])
        if minutes := found.groupdict().get("minutes"):
            hours += Fraction(int(minutes), 60)
        yield Measure("hours", found.start(), found.end(), hours)


def _days(text: str, lexicon: Lexicon) -> Iterator[Measure]:
    for found in lexicon.days.finditer(text):
        yield Measure("days", found.start(), found.end(), lexicon.number(found["days"]))


def _money(text: str, lexicon: Lexicon) -> Iterator[Measure]:
    for found in lexicon.money.finditer(text):
        value = sum_of(found["amount"])
        marked = bool(found["sign"] or found["before_sign"])
        if value:
            yield Measure("money", found.start(), found.end(), value, marked=marked)
