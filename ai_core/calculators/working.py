"""An amount in euros being worked out, step by step, exact until it is rounded."""

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from ai_core.calculators.formulas import Formula
from ai_core.calculators.inputs import Facts, WorkingTime
from ai_core.calculators.pay_outcomes import SeveranceOutcome
from ai_core.calculators.records import Fact, Step, Term, money

_UNIT = "€"


class Working:
    """An amount being worked out, with its steps."""

    def __init__(self, numbers: Mapping[str, Fraction], source: str | None) -> None:
        self.numbers = numbers
        self.source = source
        self.total = Fraction(0)
        self.steps: list[Step] = []

    def _step(self, key: str, value: Decimal, term: Term | None = None, **facts: Fact) -> None:
        self.steps.append(Step(key, facts, value, _UNIT, self.source, term))

    def amount(self, outcome: SeveranceOutcome) -> None:
        """Take the amount of the row, within its own limits."""
        if outcome.amount is not None:
            self.add(outcome.amount)
        self.bound(outcome.least, outcome.most)

    def add(self, formula: Formula) -> None:
        """Add the amount of a formula, a step for each of its terms that gives something."""
        found = formula.evaluate(self.numbers)
        for term in found.terms:
            if term.value or len(found.terms) == 1:
                self._step("term", money(term.value), term)
        self.total += found.value

    def multiply(self, by: Fraction) -> None:
        """Multiply the amount."""
        self.total *= by
        self._step("multiplied", money(self.total), by=by)

    def bound(self, least: Formula | None, most: Formula | None) -> None:
        """Keep the amount within limits."""
        for key, formula, passes in (("least", least, operator.lt), ("most", most, operator.gt)):
            limit = None if formula is None else formula.evaluate(self.numbers).value
            if limit is not None and passes(self.total, limit):
                self.total = limit
                self._step(f"{key}_applies", money(limit), formula=formula.text if formula else "")

    def share(self, part_time: "PartTime", source: str) -> None:
        """Take the share of part time, by the article that asks for it."""
        self._sum()
        self.total *= part_time.share
        facts: dict[str, Fact] = {
            "share": part_time.share,
            "full_time_months": part_time.full_time_months,
            "all_months": part_time.all_months,
            "paid_share": part_time.paid_share,
        }
        self.steps.append(Step("part_time_share", facts, money(self.total), _UNIT, source))

    def _sum(self) -> None:
        keys = [step.key for step in self.steps]
        if keys.count("term") > 1 and "sum" not in keys:
            self._step("sum", money(self.total))

    def rounded(self, *, doubled: bool) -> Decimal:
        """Return the amount to the cent, doubled after rounding."""
        self._sum()
        value = money(self.total)
        if doubled:
            value *= 2
            self._step("doubled", value)
        return value


@dataclass(frozen=True, slots=True)
class PartTime:
    """The months of a contract, as many of full time as they are worth, and the share that is paid.

    Article L3123-5: the indemnity is due in proportion to the periods of each working time; the
    reference salary is that of the last one.
    """

    full_time_months: Fraction
    all_months: Fraction
    paid_share: Fraction

    @property
    def share(self) -> Fraction:
        """Return by what to multiply an amount computed on the last salary."""
        return self.full_time_months / self.all_months / self.paid_share


def part_time_of(facts: Facts) -> PartTime | None:
    """Return the part time of a contract; None where all of it had the same working time."""
    periods = facts.get("working_time_periods")
    if not isinstance(periods, tuple) or not periods:
        return None
    times = [item for item in periods if isinstance(item, WorkingTime)]
    months = sum((item.months for item in times), start=Fraction(0))
    worked = sum((item.months * item.share for item in times), start=Fraction(0))
    found = PartTime(worked, months, times[-1].share)
    return None if found.share == 1 else found
