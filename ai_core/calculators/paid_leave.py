"""Days of paid leave acquired in a reference year, and the pay of a leave.

Articles L3141-3 to L3141-7, with L3141-5-1 for sickness not due to work (law of 22 April 2024), and
L3141-24 for the pay: a tenth of the year's pay, or the pay maintained where that is more.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from ai_core.calculators.dates import (
    DAYS_PER_MONTH,
    Period,
    day_after,
    months_within,
    whole_months,
)
from ai_core.calculators.inputs import Absence, Facts
from ai_core.calculators.records import (
    Calculation,
    LegalSource,
    Note,
    Question,
    Side,
    Step,
    decimal,
    money,
)
from ai_core.calculators.rulebook import Case
from ai_core.calculators.sides import of_code

DAYS = "jours ouvrables"
_EURO = "€"
_SICKNESS = "non_occupational_sickness"
_AS_WORKED = frozenset(
    (
        *("occupational_sickness_or_accident", "commuting_accident", "paternity_leave"),
        "maternity_or_adoption_leave",
    )
)
"""Absences that count as work (L3141-5, 2° and 5°; an accident on the way to work is one at work
for paid leave: Cass. soc., 3 July 2012, no. 08-44.834)."""
_DAYS_OF_FOUR_WEEKS = 28
_WORKING_DAYS_PER_MONTH = 26
_PAY = ("reference_period_pay", "maintained_pay", "monthly_pay")


@dataclass(frozen=True, slots=True)
class _Time:
    """The months of a reference year that count as work, and those of sickness."""

    worked: Fraction
    sick: Fraction
    steps: tuple[Step, ...] = ()
    assumptions: tuple[Note, ...] = ()


def calculate(case: Case) -> Calculation:
    """Return the days acquired, or the pay of a leave where the pay is given. Raises
    RuleWithheld.
    """
    time = _time(case)
    if isinstance(time, Question):
        return of_code(case, missing=(time,))
    acquired, steps, sources = _days(case, time)
    side = Side(decimal(acquired), DAYS, steps=(*time.steps, *steps), sources=sources)
    if any(name in case.facts for name in _PAY):
        paid = _pay(case, acquired, side)
        if isinstance(paid, Question):
            return of_code(case, missing=(paid,))
        side = paid
    return of_code(
        case,
        side,
        warnings=(Note("paid_leave_may_be_longer"),),
        assumptions=(*time.assumptions, *side.assumptions),
    )


def _time(case: Case) -> _Time | Question:
    worked, sick = case.facts.get("worked_months"), case.facts.get("sickness_months")
    sick_months = sick if isinstance(sick, Fraction) else Fraction(0)
    if isinstance(worked, Fraction):
        return _Time(worked, sick_months)
    entry = case.facts.get("entry_date")
    if not isinstance(entry, date):
        return Question("worked_months")
    end = case.facts.get("exit_date")
    last = min(end, case.as_of) if isinstance(end, date) else case.as_of
    return _from_dates(case.facts, entry, last)


def _from_dates(facts: Facts, entry: date, last: date) -> _Time:
    """Count the reference year that `last` lies in, from 1 June (R3141-4) or from the entry on."""
    year_start = date(last.year if last.month >= 6 else last.year - 1, 6, 1)
    period = Period(max(entry, year_start), day_after(last))
    given = facts.get("absences")
    absences = [i for i in given if isinstance(i, Absence)] if isinstance(given, tuple) else []
    sick = _months([item for item in absences if item.reason == _SICKNESS], period)
    not_worked = [item for item in absences if item.reason not in (_SICKNESS, *_AS_WORKED)]
    other = _months(not_worked, period)
    days = (period.last - period.first).days - (sick + other) * DAYS_PER_MONTH
    in_months = whole_months(period.first, period.last) - sick - other
    in_four_weeks = Fraction(days // _DAYS_OF_FOUR_WEEKS)
    step = Step("leave_year", {"start": period.first, "end": last})
    undated = any(item.start is None for item in absences)
    return _Time(
        max(in_months, in_four_weeks, Fraction(0)),
        sick,
        (step,),
        (Note("absences_in_leave_year"),) if undated else (),
    )


def _months(absences: list[Absence], period: Period) -> Fraction:
    """Return the months of absences within the period; one without a date lies in it."""
    return sum(
        (
            item.months if item.start is None else months_within(period, item.start, item.months)
            for item in absences
        ),
        start=Fraction(0),
    )


def _days(case: Case, time: _Time) -> tuple[Fraction, tuple[Step, ...], tuple[LegalSource, ...]]:
    code = case.book.code
    per_month = code.source("leave_days_per_month")
    for_work = min(
        time.worked * code.number("leave_days_per_month"), code.number("leave_days_at_most")
    )
    steps = [Step("leave_for_work", {"months": time.worked}, decimal(for_work), DAYS, per_month.id)]
    names = ["leave_days_per_month"]
    total = for_work
    if time.sick:
        for_sickness = min(
            time.sick * code.number("leave_days_per_month_of_sickness"),
            code.number("leave_days_of_sickness_at_most"),
        )
        names += ["leave_days_per_month_of_sickness", "sickness_counts_as_work"]
        source = code.source("leave_days_per_month_of_sickness")
        steps.append(
            Step(
                "leave_for_sickness", {"months": time.sick}, decimal(for_sickness), DAYS, source.id
            )
        )
        total += for_sickness
    most = code.number("leave_days_at_most")
    if total > most:
        names.append("leave_days_at_most")
        total = most
        steps.append(Step("leave_at_most", {}, decimal(total), DAYS, per_month.id))
    whole = Fraction(math.ceil(total))
    if whole != total:
        names.append("leave_days_rounded_up")
        rounding = code.source("leave_days_rounded_up")
        steps.append(Step("leave_rounded_up", {}, decimal(whole), DAYS, rounding.id))
    return whole, tuple(steps), tuple(code.source(name) for name in names)


def _pay(case: Case, acquired: Fraction, days: Side) -> Side | Question:
    """Return the better of a tenth of the year's pay and the pay maintained, for the days taken."""
    code, facts = case.book.code, case.facts
    total = facts.get("reference_period_pay")
    if not isinstance(total, Fraction):
        return Question("reference_period_pay")
    taken = facts.get("leave_days_taken")
    taken_days = taken if isinstance(taken, Fraction) else acquired
    maintained = _maintained(facts, taken_days)
    if isinstance(maintained, Question):
        return maintained
    kept, notes = maintained
    sick_pay = facts.get("pay_of_sickness")
    counted = sick_pay if isinstance(sick_pay, Fraction) else Fraction(0)
    base = total + counted * code.number("sickness_share_of_pay")
    tenth = base * code.number("leave_pay_share") * taken_days / acquired if acquired else base * 0
    names = ["leave_pay_share", "leave_pay_maintained"]
    names += ["sickness_share_of_pay"] if counted else []
    return Side(
        money(max(tenth, kept)),
        _EURO,
        steps=(*days.steps, *_pay_steps(case, base, taken_days, tenth, kept)),
        sources=(*(code.source(name) for name in names), *days.sources),
        assumptions=notes,
    )


def _maintained(facts: Facts, taken: Fraction) -> tuple[Fraction, tuple[Note, ...]] | Question:
    given, monthly = facts.get("maintained_pay"), facts.get("monthly_pay")
    if isinstance(given, Fraction):
        return given, ()
    if isinstance(monthly, Fraction):
        return monthly * taken / _WORKING_DAYS_PER_MONTH, (Note("assumed_26_days_a_month"),)
    return Question("monthly_pay")


def _pay_steps(
    case: Case, base: Fraction, taken: Fraction, tenth: Fraction, kept: Fraction
) -> Iterator[Step]:
    code = case.book.code
    yield Step(
        "leave_pay_tenth",
        {"base_euros": base, "days": taken},
        money(tenth),
        _EURO,
        code.source("leave_pay_share").id,
    )
    source = code.source("leave_pay_maintained").id
    yield Step("leave_pay_maintained", {"days": taken}, money(kept), _EURO, source)
    yield Step("better_of_both", {}, money(max(tenth, kept)), _EURO, source)
