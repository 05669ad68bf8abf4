"""What absences take off the seniority.

A rule says of a reason how much of an absence is taken off, and beyond which length: of each
absence, of the whole contract, of a calendar year, of a year of service, or of twelve months from
the first absence. Decision 0151 says how parts of months are counted.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from ai_core.calculators.dates import (
    Period,
    calendar_years,
    end_after,
    months_within,
    rolling_years,
    years_of_service,
)
from ai_core.calculators.inputs import Absence

Per = Literal["absence", "total", "calendar_year", "year_of_service", "rolling_year"]

_NOTHING = Fraction(0)


@dataclass(frozen=True, slots=True)
class AbsenceRule:
    """How much of an absence of one reason is taken off.

    `share` of the months beyond `threshold` (months, measured per `per`). `whole`: all of the
    months count off once the threshold is passed, or reached where `reached`.
    `kept_per_absence`: no single absence keeps more months than that.
    """

    share: Fraction = Fraction(1)
    threshold: Fraction | None = None
    per: Per = "absence"
    whole: bool = False
    reached: bool = False
    kept_per_absence: Fraction | None = None

    def beyond(self, months: Fraction) -> Fraction:
        """Return the months that count off of a sum of months."""
        if self.threshold is None:
            return months
        if self.whole:
            passed = months >= self.threshold if self.reached else months > self.threshold
            return months if passed else _NOTHING
        return max(months - self.threshold, _NOTHING)

    @property
    def needs_dates(self) -> bool:
        """Whether it matters when an absence took place."""
        return self.threshold is not None and self.per.endswith(("year", "year_of_service"))


FULL = AbsenceRule()


def months_off(
    absences: Iterable[Absence], rules: Mapping[str, AbsenceRule], contract: Period
) -> Fraction:
    """Return the months that absences take off, each reason by its rule.

    An absence without a date is taken to lie in one year of its own.
    """
    by_reason: dict[str, list[Absence]] = {}
    for absence in absences:
        by_reason.setdefault(absence.reason, []).append(absence)
    return sum(
        (
            rules.get(reason, FULL).share * _beyond(same, rules.get(reason, FULL), contract)
            for reason, same in by_reason.items()
        ),
        start=_NOTHING,
    )


def months_off_in(
    absences: Iterable[Absence], rules: Mapping[str, AbsenceRule], period: Period
) -> Fraction:
    """Return the months that absences with a date take off within a period.

    Thresholds are those of each absence; it is shortened first, then placed from its first day on.
    """
    return sum(
        (
            rules.get(absence.reason, FULL).share
            * months_within(
                period, absence.start, rules.get(absence.reason, FULL).beyond(absence.months)
            )
            for absence in absences
            if absence.start is not None
        ),
        start=_NOTHING,
    )


def _beyond(absences: list[Absence], rule: AbsenceRule, contract: Period) -> Fraction:
    if rule.per == "total":
        return rule.beyond(sum((absence.months for absence in absences), start=_NOTHING))
    if rule.per == "absence" or rule.threshold is None:
        return sum((rule.beyond(absence.months) for absence in absences), start=_NOTHING)
    dated = [absence for absence in absences if absence.start is not None]
    undated = [absence for absence in absences if absence.start is None]
    return _beyond_by_year(dated, rule, contract) + _beyond(
        undated, replace(rule, per="absence"), contract
    )


def _years(absences: list[Absence], rule: AbsenceRule, contract: Period) -> Iterable[Period]:
    if rule.per == "rolling_year":
        return rolling_years(absence.start for absence in absences if absence.start is not None)
    if rule.per == "calendar_year":
        return calendar_years(contract.first, contract.last)
    return years_of_service(contract.first, contract.last)


def _beyond_by_year(absences: list[Absence], rule: AbsenceRule, contract: Period) -> Fraction:
    """Apply the threshold to the months of each year."""
    years = list(_years(absences, rule, contract))
    if rule.kept_per_absence is not None:
        kept = _kept(absences, rule, rule.kept_per_absence, years)
        return sum((absence.months for absence in absences), start=_NOTHING) - kept
    return _sum(rule.beyond(_sum(parts.values())) for parts in _by_year(absences, years))


def _kept(
    absences: list[Absence], rule: AbsenceRule, most_each: Fraction, years: list[Period]
) -> Fraction:
    """Return the months that stay: so many in each year, and of each absence over all years."""
    left = [most_each] * len(absences)
    total = _NOTHING
    for shares in _shares(absences, years):
        parts = {index: min(share, left[index]) for index, share in shares.items()}
        in_year = _sum(parts.values())
        room = in_year - rule.beyond(in_year)
        for index, part in parts.items():
            used = min(part, room)
            left[index] -= used
            room -= used
            total += used
    return total


def _shares(absences: list[Absence], years: list[Period]) -> Iterable[dict[int, Fraction]]:
    """Yield for each year the months of absences in it, which make all the months of each."""
    parts = _by_year(absences, years)
    measured: dict[int, Fraction] = {}
    for of_year in parts:
        for index, part in of_year.items():
            measured[index] = measured.get(index, _NOTHING) + part
    for of_year in parts:
        yield {
            index: part * absences[index].months / measured[index]
            for index, part in of_year.items()
        }


def _by_year(absences: list[Absence], years: list[Period]) -> list[dict[int, Fraction]]:
    """Return for each year the months of absences in it, by their place in the list."""
    parts: list[dict[int, Fraction]] = [{} for _ in years]
    for index, absence in enumerate(absences):
        if absence.start is None:
            continue
        end = end_after(absence.start, absence.months)
        for year, part in zip(years, parts, strict=True):
            if absence.start < year.last and year.first < end:
                part[index] = months_within(year, absence.start, absence.months)
    return parts


def _sum(months: Iterable[Fraction]) -> Fraction:
    return sum(months, start=_NOTHING)
