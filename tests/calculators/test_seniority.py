"""Months, absences and seniority, counted by hand."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from ai_core.calculators.absences import AbsenceRule, months_off
from ai_core.calculators.dates import Period, whole_months
from ai_core.calculators.inputs import Absence
from ai_core.errors import WrongInputs
from tests.calculators.cases import computed

SICK = "non_occupational_sickness"
CONTRACT = Period(date(2018, 4, 1), date(2026, 4, 1))


def test_months_run_to_the_same_day_or_to_the_last_one() -> None:
    cases = {
        (date(2025, 3, 14), date(2025, 4, 13)): 0,
        (date(2025, 3, 14), date(2025, 4, 14)): 1,
        (date(2025, 1, 31), date(2025, 2, 28)): 1,
        (date(2025, 1, 31), date(2025, 4, 30)): 3,
        (date(2024, 2, 29), date(2025, 2, 28)): 12,
        (date(2020, 1, 1), date(2026, 12, 31)): 83,
    }
    for (start, end), months in cases.items():
        assert whole_months(start, end) == months, (start, end)


def _off(rule: AbsenceRule, *absences: tuple[str | None, int]) -> Fraction:
    given = [
        Absence(SICK, Fraction(months), None if start is None else date.fromisoformat(start))
        for start, months in absences
    ]
    return months_off(given, {SICK: rule}, CONTRACT)


def test_what_absences_take_off(subtests: pytest.Subtests) -> None:
    half, six = Fraction(1, 2), Fraction(6)
    spring, autumn = ("2020-02-01", 4), ("2020-09-01", 3)
    cases: list[tuple[str, AbsenceRule, tuple[tuple[str | None, int], ...], Fraction]] = [
        ("all of it", AbsenceRule(), (spring, autumn), Fraction(7)),
        ("half", AbsenceRule(half), ((None, 5),), Fraction(5, 2)),
        ("nothing", AbsenceRule(Fraction(0)), (spring,), Fraction(0)),
        ("beyond, each", AbsenceRule(threshold=six), (("2019-01-01", 8), spring), Fraction(2)),
        ("beyond, in all", AbsenceRule(threshold=six, per="total"), (spring, autumn), Fraction(1)),
        (
            "beyond, of a calendar year",
            AbsenceRule(threshold=six, per="calendar_year"),
            (spring, autumn, ("2021-02-01", 6)),
            Fraction(1),
        ),
        (
            # The years of service begin on 1 April: February lies in another one than September.
            "beyond, of a year of service",
            AbsenceRule(threshold=Fraction(3), per="year_of_service"),
            (("2020-02-01", 1), autumn),
            Fraction(0),
        ),
        (
            "all of a year's once there are more",
            AbsenceRule(threshold=six, per="calendar_year", whole=True),
            (spring, autumn, ("2021-02-01", 6)),
            Fraction(7),
        ),
        (
            "all of twelve months' once they reach one",
            AbsenceRule(threshold=Fraction(1), per="rolling_year", whole=True, reached=True),
            (("2020-02-01", 1), ("2021-03-01", 1)),
            Fraction(2),
        ),
        (
            # A year off keeps six months; what follows in the next year is a new absence.
            "no absence keeps more than six months",
            AbsenceRule(threshold=six, per="calendar_year", kept_per_absence=six),
            (("2020-07-01", 12), ("2022-01-01", 4)),
            Fraction(6),
        ),
        (
            "without a date: a year of its own",
            AbsenceRule(threshold=six, per="calendar_year"),
            ((None, 8),),
            Fraction(2),
        ),
    ]
    for name, rule, absences, expected in cases:
        with subtests.test(name):
            assert _off(rule, *absences) == expected


def test_seniority_by_the_code(subtests: pytest.Subtests) -> None:
    dates = {"entry_date": "2019-05-06", "notice_date": "2025-11-20", "exit_date": "2026-02-05"}

    def years(**more: Any) -> Decimal:
        found = computed("seniority", **dates, **more)
        assert isinstance(found.value, Decimal)
        return found.value

    def absent(reason: str, months: float) -> Mapping[str, Any]:
        return {"absences": [{"reason": reason, "months": months}]}

    cases: list[tuple[str, Mapping[str, Any], float]] = [
        # 81 months to 5 February 2026, and 78 to 20 November 2025.
        ("for the amount", {}, 6.75),
        ("for the right", {"purpose": "right"}, 6.5),
        ("sickness", absent(SICK, 3), 6.5),
        ("parental leave counts for half", absent("parental_leave", 6), 6.5),
        ("an accident at work counts", absent("occupational_sickness_or_accident", 6), 6.75),
        ("maternity counts", absent("maternity_or_adoption_leave", 4), 6.75),
    ]
    for name, more, expected in cases:
        with subtests.test(name):
            assert years(**more) == Decimal(str(expected))


def test_seniority_by_agreements(subtests: pytest.Subtests) -> None:
    since_1995 = {"entry_date": "1995-03-01", "exit_date": "2026-02-28"}
    metal = {"category": "A, B, C, D ou E", "was_executive_before_2024": False}
    long_sick = {"absences": [{"reason": SICK, "months": 14, "start": "2020-01-01"}]}
    cases: list[tuple[str, dict[str, Any], str]] = [
        # Transport: the last day does not count, the time before the executive is apart.
        ("0016", {"entry_date": "2016-03-01", "exit_date": "2026-02-28"}, "9.916666666667"),
        ("0016", since_1995 | {"category_change_date": "2014-02-28"}, "12"),
        # Metal: nothing of a short absence, all of one of more than a year; day-rate time and a
        # half: ten years, of which the last four by day rate.
        ("3248", metal | since_1995 | {"has_been_day_rate": False}, "31"),
        ("3248", metal | since_1995 | long_sick | {"has_been_day_rate": False}, "29.833333333333"),
        (
            "3248",
            metal
            | {"entry_date": "2016-03-01", "exit_date": "2026-02-28"}
            | {"has_been_day_rate": True, "day_rate_since": "2022-03-01"},
            "12",
        ),
    ]
    for idcc, inputs, expected in cases:
        with subtests.test(f"{idcc} {inputs}"):
            found = computed("seniority", idcc, **inputs)
            assert found.agreement is not None
            assert str(found.agreement.value) == expected


def test_a_contract_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(WrongInputs) as refused:
        computed("seniority", entry_date="2024-05-01", exit_date="2024-04-30", purpose="amount")
    assert refused.value.faults[0]["field"] == "inputs.exit_date"
