"""The reference salary from months of pay, as the Code (R1234-4) and an agreement compute it.

docs/calculators.md says what each quantity of a formula is.
"""

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from ai_core.calculators.formulas import Formula
from ai_core.calculators.inputs import Facts, SalaryMonth
from ai_core.calculators.pay_outcomes import SalaryOutcome
from ai_core.calculators.records import (
    Calculation,
    LegalSource,
    Note,
    Question,
    Side,
    Source,
    Step,
    money,
)
from ai_core.calculators.rulebook import Case, assumed, outcome_of_side, rule_of_agreement
from ai_core.calculators.sides import of_one_side

MONTHS_PER_YEAR = 12
VARIABLE_PAY = "variable_pay_total"
LOWEST_YEARLY_PAY = Fraction(12_000)
"""Below it, in euros, a salary is read as a month's; about half of a year at the minimum wage."""
_LAST_MONTHS = 3


@dataclass(frozen=True, slots=True)
class Salary:
    """A reference salary in euros, a month's or a year's, exact, and how it came about."""

    amount: Fraction
    per: Literal["month", "year"] = "month"
    steps: tuple[Step, ...] = ()
    sources: tuple[LegalSource, ...] = ()
    assumptions: tuple[Note, ...] = ()


def salary_rule(
    case: Case, side: Source
) -> tuple[SalaryOutcome, tuple[LegalSource, ...]] | Question:
    """Return how the Code or the agreement forms the reference salary, or what is missing."""
    return outcome_of_side(case, side, "reference_salary", SalaryOutcome)


def reference_salary(case: Case, side: Source) -> Salary | Question:
    """Return the reference salary from the months of pay, or what is missing to tell.

    Without any month it is 0.
    """
    salaries = _months(case.facts, "salaries")
    if salaries is None:
        return Question("salaries")
    found = salary_rule(case, side)
    if isinstance(found, Question):
        paid = salaries or _months(case.facts, "notice_salaries")
        return found if paid else Salary(Fraction(0), "month", (), ())
    outcome, sources = found
    quantities = _quantities(case, outcome, salaries)
    if not quantities["months"]:
        return Salary(Fraction(0), outcome.per, (), sources)
    if "before_notice_months" in outcome.amount.names and not quantities["before_notice_months"]:
        return Question("salaries")
    amount = outcome.amount.evaluate(quantities).value
    steps = tuple(_steps(outcome.amount, quantities, amount, sources))
    notes = tuple(_assumptions(case.facts, outcome.amount, salaries))
    return Salary(amount, outcome.per, steps, sources, notes)


def given_salary(case: Case, side: Source) -> Salary | None:
    """Return the reference salary that the case gives for a side or for both; None without one.

    Where the agreement reckons with a year's pay, the salary given for both is a year's and the
    Code takes a twelfth. One too low for a year's is read as a month's, and either reading is told.
    """
    yearly = _is_yearly(case)
    own = case.facts.get(f"{side}_reference_salary")
    both = case.facts.get("reference_salary")
    monthly = case.facts.get("legal_reference_salary")
    if isinstance(own, Fraction):
        return Salary(own)
    if isinstance(both, Fraction) and yearly:
        return _read_as(both, side)
    if isinstance(both, Fraction):
        return Salary(both)
    if isinstance(monthly, Fraction) and side == "agreement":
        return Salary(monthly * MONTHS_PER_YEAR if yearly else monthly)
    return None


def _read_as(given: Fraction, side: Source) -> Salary:
    if given < LOWEST_YEARLY_PAY:
        amount = given if side == "legal" else given * MONTHS_PER_YEAR
        return Salary(amount, assumptions=(Note("read_as_monthly_pay", {"pay_euros": given}),))
    amount = given / MONTHS_PER_YEAR if side == "legal" else given
    return Salary(amount, assumptions=(Note("read_as_yearly_pay", {"pay_euros": given}),))


def _is_yearly(case: Case) -> bool:
    """Whether the agreement reckons with a year's pay instead of a month's."""
    table = rule_of_agreement(case, "reference_salary").table
    return table is not None and any(row.outcome.per == "year" for row in table.rows)


def last_3_months_average_pay(facts: Facts) -> Fraction | None:
    """Return the average of the last three months of pay, in euros; None without any pay."""
    last3 = (_months(facts, "salaries") or [])[:_LAST_MONTHS]
    return _sum(item.amount for item in last3) / len(last3) if last3 else None


def _assumptions(facts: Facts, formula: Formula, salaries: Sequence[SalaryMonth]) -> Iterable[Note]:
    if len(salaries) < MONTHS_PER_YEAR:
        yield Note("fewer_months_of_pay", {"months": len(salaries)})
    if VARIABLE_PAY in formula.names and VARIABLE_PAY not in facts:
        yield Note("assumed_no_variable_pay")


def _steps(
    formula: Formula,
    quantities: Mapping[str, Fraction],
    amount: Fraction,
    sources: tuple[LegalSource, ...],
) -> Iterable[Step]:
    """Yield each candidate of "the better of", then the reference salary."""
    source = sources[0].id if sources else None
    parts = _candidates(formula)
    if len(parts) > 1:
        for part in parts:
            value = part.evaluate(quantities).value
            yield Step(
                "reference_salary_candidate", {"formula": part.text}, money(value), "€", source
            )
    yield Step("reference_salary", {"formula": formula.text}, money(amount), "€", source)


def _candidates(formula: Formula) -> list[Formula]:
    match formula.tree:
        case ast.Call(func=ast.Name(id="max"), args=arguments):
            return [Formula(ast.unparse(part), formula.names, part) for part in arguments]
        case _:
            return [formula]


def _months(facts: Facts, name: str) -> list[SalaryMonth] | None:
    """Return the months given, the latest first; months without a year are of one year."""
    given = facts.get(name)
    if not isinstance(given, tuple):
        return None
    months = [item for item in given if isinstance(item, SalaryMonth)]
    return sorted(months, key=lambda item: _rank(item.month), reverse=True)


def _rank(written: str) -> tuple[int, int]:
    year, _, month = written.rpartition("-")
    return (int(year) if year else 0, int(month) if month else 0)


def _quantities(
    case: Case, outcome: SalaryOutcome, salaries: list[SalaryMonth]
) -> dict[str, Fraction]:
    before = salaries[:MONTHS_PER_YEAR]
    notice = _months(case.facts, "notice_salaries") or []
    months = [*notice, *salaries][:MONTHS_PER_YEAR] if outcome.with_notice else before
    last3 = months[:_LAST_MONTHS]
    last = [item for item in _months(case.facts, "last_month_salary") or () if item.amount]
    last = last or months[:1]
    quantities = {
        "total": _sum(item.amount for item in months),
        "months": Fraction(len(months)),
        "bonuses": _sum(item.bonus for item in months),
        "last3": _sum(item.amount for item in last3),
        "last3_months": Fraction(len(last3)),
        "last3_bonuses": _sum(item.bonus for item in last3),
        "highest_of_last3": max((item.amount - item.bonus for item in last3), default=Fraction(0)),
        "last_month": _sum(item.amount for item in last),
        "last_month_bonus": _sum(item.bonus for item in last),
        "before_notice_total": _sum(item.amount for item in before),
        "before_notice_months": Fraction(len(before)),
        "before_notice_last_month": _sum(item.amount for item in before[:1]),
        "before_notice_last_month_bonus": _sum(item.bonus for item in before[:1]),
        "notice_bonuses": _sum(item.bonus for item in notice),
    }
    variable = case.facts.get(VARIABLE_PAY)
    quantities[VARIABLE_PAY] = variable if isinstance(variable, Fraction) else Fraction(0)
    if "best" in outcome.amount.names and months:
        quantities["best"] = _of_code(case, quantities)
    return quantities


def _of_code(case: Case, quantities: Mapping[str, Fraction]) -> Fraction:
    """Return what the Code's formula gives for the months that the agreement looks at."""
    found = salary_rule(case, "legal")
    if isinstance(found, Question):
        raise TypeError("the Code's reference salary depends on no input")
    return found[0].amount.evaluate(quantities).value


def _sum(amounts: Iterable[Fraction]) -> Fraction:
    return sum(amounts, start=Fraction(0))


def calculate(case: Case) -> Calculation:
    """Return the reference salary of a case, as the agreement forms it where it has rules.

    Raises RuleWithheld.
    """
    case, notes = _with_incapacity(case)
    legal = reference_salary(case, "legal")
    held = case.book.agreement(case.idcc) is not None
    own = reference_salary(case, "agreement") if held else None
    missing = [found for found in (own, legal) if isinstance(found, Question)]
    return of_one_side(
        case,
        _side(legal) if isinstance(legal, Salary) else None,
        _side(own, notes) if isinstance(own, Salary) else None,
        missing,
    )


def _with_incapacity(case: Case) -> tuple[Case, tuple[Note, ...]]:
    """Take an incapacity to drive that is not told for none, and say so."""
    asked = salary_rule(case, "agreement")
    if not isinstance(asked, Question) or asked.input != "driving_incapacity":
        return case, ()
    supposed = case.with_facts({**case.facts, "driving_incapacity": False})
    return supposed, assumed(case, "driving_incapacity")


def _side(found: Salary, notes: tuple[Note, ...] = ()) -> Side:
    return Side(
        money(found.amount),
        "€",
        steps=found.steps,
        sources=found.sources,
        assumptions=(*notes, *found.assumptions),
    )
