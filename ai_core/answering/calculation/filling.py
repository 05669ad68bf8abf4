"""The inputs of a calculator while they are filled from a case, and what was assumed for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from ai_core.answering.calculation.minimum_wage import minimum_wage
from ai_core.answering.understanding.cases.facts import CaseFacts
from ai_core.answering.understanding.cases.thread import CaseAsked

MONTHS_A_YEAR = 12
HOURS_A_MONTH = Fraction("151.67")
"""35 hours a week, as payslips write it (Code du travail, L3121-27)."""


@dataclass(frozen=True, slots=True)
class Assumption:
    """What was taken as so: a key of texts/calculation.toml and the facts of its sentence."""

    key: str
    facts: Mapping[str, str | Fraction | date] = field(default_factory=dict)


@dataclass(slots=True)
class Inputs:
    """The inputs as the API takes them, what was assumed, and what must be asked first.

    `choices` are the labels left of `asked_first`; empty: all of the calculator's. `doubted` is
    what was assumed and is asked for beside the result.
    """

    values: dict[str, object] = field(default_factory=dict)
    assumptions: list[Assumption] = field(default_factory=list)
    asked_first: str | None = None
    choices: tuple[str, ...] = ()
    doubted: str | None = None

    def assume(self, key: str, **facts: str | Fraction | date) -> None:
        """Note an assumption once."""
        noted = Assumption(key, facts)
        if noted not in self.assumptions:
            self.assumptions.append(noted)

    def withdraw(self, key: str) -> None:
        """Take back an assumption that another one has replaced."""
        self.assumptions = [one for one in self.assumptions if one.key != key]

    def doubt(self, name: str) -> None:
        """Ask beside the result for what was assumed, unless something else is."""
        self.doubted = self.doubted or name

    def ask(self, name: str, choices: Sequence[str] = ()) -> None:
        """Ask for an input first, unless another already is."""
        if self.asked_first is None:
            self.asked_first, self.choices = name, tuple(choices)


@dataclass(frozen=True, slots=True)
class Filling:
    """One filling of inputs: the case, the labels of the agreement, the day."""

    asked: CaseAsked
    idcc: str | None
    known: frozenset[str]
    labels: Mapping[str, tuple[str, ...]]
    today: date
    inputs: Inputs

    @property
    def facts(self) -> CaseFacts:
        """Return the facts told."""
        return self.asked.facts

    @property
    def name(self) -> str:
        """Return the calculator asked for."""
        return self.asked.calculator

    def give(self, name: str, value: object) -> None:
        """Give an input that the calculator takes."""
        if name in self.known and value is not None:
            self.inputs.values.setdefault(name, value)

    def need(self, name: str) -> None:
        """Ask for an input first, unless it is given."""
        if name not in self.inputs.values:
            self.inputs.ask(name)


def monthly_gross(facts: CaseFacts, today: date, inputs: Inputs) -> Fraction | None:
    """Return the gross pay of a month that the facts give, None where they give none."""
    if facts.gross_monthly is not None:
        if not facts.gross_said:
            inputs.assume("understood_gross", amount_euros=facts.gross_monthly)
        return facts.gross_monthly
    if facts.gross_yearly is not None:
        inputs.assume("yearly_pay", amount_euros=facts.gross_yearly)
        return facts.gross_yearly / MONTHS_A_YEAR
    if facts.working_time == "part_time":
        return None
    if facts.gross_hourly is not None:
        inputs.assume("full_time_hours", amount_euros=facts.gross_hourly)
        return facts.gross_hourly * HOURS_A_MONTH
    wage = minimum_wage(today) if facts.minimum_wage else None
    if wage is None:
        return None
    inputs.assume("minimum_wage", amount_euros=wage.monthly_eur, day=wage.since)
    return wage.monthly_eur


def day_told(filling: Filling, told: str | None, role: str) -> date | None:
    """Return a day as it was told; of a month its first day, or its last where it ends something.

    A year alone gives none.
    """
    if told is None or len(told) == len("2019"):
        return None
    if len(told) == len("2019-03-15"):
        return date.fromisoformat(told)
    first = date.fromisoformat(f"{told}-01")
    day = first if role != "exit" else first_of_next(first) - timedelta(days=1)
    filling.inputs.assume(f"day_of_month_{role}", day=day)
    return day


def first_of_next(day: date) -> date:
    """Return the first day of the month after a day's."""
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def written(number: Fraction) -> str:
    """Return a number as a decimal text, exact or to sixteen places."""
    return str(Decimal(number.numerator) / Decimal(number.denominator))
