"""The pay of overtime hours: articles L3121-28, L3121-33 and L3121-36.

Overtime is what lies beyond 35 hours a week, counted week by week (L3121-29). Without an agreement
the first eight hours are paid a quarter more, those after them half as much more.
"""

from fractions import Fraction

from ai_core.calculators.records import Calculation, Factor, Note, Question, Side, Step, Term, money
from ai_core.calculators.rulebook import Case
from ai_core.calculators.sides import of_code
from ai_core.errors import WrongInputs

_UNIT = "€"
_LEGAL_WEEK = ("weekly_working_time", "overtime_beyond_the_legal_week")


def calculate(case: Case) -> Calculation:
    """Return the pay of one week's overtime. Raises WrongInputs for a rate below the least one."""
    hours, worked = _number(case, "overtime_hours"), _number(case, "weekly_hours")
    pay = _number(case, "hourly_pay")
    legal_week = case.book.code.number("weekly_working_time")
    if hours is None and worked is not None:
        hours = max(worked - legal_week, Fraction(0))
    missing = [
        Question(name)
        for name, given in (("overtime_hours", hours), ("hourly_pay", pay))
        if given is None
    ]
    if hours is None or pay is None:
        return of_code(case, missing=tuple(missing[:1]))
    first_rate, next_rate, own = _rates(case)
    most_at_first_rate = case.book.code.number("overtime_hours_at_first_rate")
    first = min(hours, most_at_first_rate)
    parts = [(first, first_rate), (hours - first, next_rate)]
    source = "overtime_rate_of_agreements" if own else "overtime_first_rate"
    names = [source] if own else ["overtime_first_rate", "overtime_next_rate"]
    sources = [case.book.code.source(name) for name in (*_LEGAL_WEEK, *names)]
    terms = [_term(count, pay, rate) for count, rate in parts if count]
    total = sum((term.value for term in terms), start=Fraction(0))
    steps = [Step("term", {}, money(term.value), _UNIT, sources[-1].id, term) for term in terms]
    if len(terms) > 1:
        steps.append(Step("sum", {}, money(total), _UNIT))
    return of_code(
        case,
        Side(money(total), _UNIT, steps=tuple(steps), sources=tuple(sources)),
        warnings=_warnings(case, own=own),
        assumptions=_assumptions(case, hours, most_at_first_rate),
    )


def _number(case: Case, name: str) -> Fraction | None:
    given = case.facts.get(name)
    return given if isinstance(given, Fraction) else None


def _rates(case: Case) -> tuple[Fraction, Fraction, bool]:
    """Return the two rates, and whether they are an agreement's; one of those holds for all hours
    unless a second one is given.
    """
    first, second = (
        _number(case, "agreement_overtime_rate"),
        _number(case, "agreement_overtime_next_rate"),
    )
    least = case.book.code.number("overtime_least_rate")
    for name, rate in (
        ("agreement_overtime_rate", first),
        ("agreement_overtime_next_rate", second),
    ):
        if rate is not None and rate / 100 < least:
            raise WrongInputs([{"field": f"inputs.{name}", "reason": "below_legal_minimum"}])
    if first is not None:
        return first / 100, (first if second is None else second) / 100, True
    of_code_rates = (
        case.book.code.number("overtime_first_rate"),
        case.book.code.number("overtime_next_rate"),
    )
    return *of_code_rates, False


def _term(hours: Fraction, pay: Fraction, rate: Fraction) -> Term:
    factors = (
        Factor("overtime_hours", hours, "overtime_hours"),
        Factor("hourly_pay", pay, "hourly_pay"),
        Factor("rate", 1 + rate),
    )
    return Term(factors, hours * pay * (1 + rate))


def _warnings(case: Case, *, own: bool) -> tuple[Note, ...]:
    notes = () if own else (Note("overtime_rate_of_an_agreement"),)
    worked = _number(case, "weekly_hours")
    too_long = worked is not None and worked > case.book.code.number("longest_week")
    return (*notes, Note("longest_week_passed")) if too_long else notes


def _assumptions(case: Case, hours: Fraction, most: Fraction) -> tuple[Note, ...]:
    one_week = "weekly_hours" not in case.facts and hours > most
    return (Note("assumed_one_week"),) if one_week else ()
