"""What a calculation consists of: sides, steps, sources, questions.

A step and a warning are a key and facts; `wording` makes sentences of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Literal

NOT_DUE = "not_due"
NO_HOURS = "none"

Value = Decimal | str | None
Fact = str | int | bool | Fraction | Decimal | date

Source = Literal["legal", "agreement"]
Comparison = Literal[
    "legal_only",
    "agreement_only",
    "agreement_better",
    "legal_better",
    "agreement_shorter",
    "legal_shorter",
    "equal",
]
"""What decided between the Code and the agreement; `legal_only` and `agreement_only` where one
side alone applies."""

_CENT = Decimal("0.01")
_PLACES = 12


@dataclass(frozen=True, slots=True)
class LegalSource:
    """A clause of an agreement or an article of the Code, and the words of it that decide."""

    id: str
    cid: str
    title: str
    fragment: str | None = None
    idcc: str | None = None


@dataclass(frozen=True, slots=True)
class Factor:
    """One factor of a term of a formula.

    `text` is how the formula writes it; `name` is the input, None for a number or an expression;
    `start` and `stop` bound a slice (`A[5:10]`).
    """

    text: str
    value: Fraction
    name: str | None = None
    start: Fraction | None = None
    stop: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Term:
    """One term of a formula's sum: its factors, and its value with its sign."""

    factors: tuple[Factor, ...]
    value: Fraction


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a calculation: a key of texts/calculators, its facts, and the source behind it.

    `term` is the term of a formula that the step computes; `source` the id of the article.
    """

    key: str
    facts: Mapping[str, Fact] = field(default_factory=dict)
    value: Value = None
    unit: str | None = None
    source: str | None = None
    term: Term | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """A warning or an assumption: a key of texts/calculators and its facts."""

    key: str
    facts: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """An input that is missing, with the labels it may take where it is a choice."""

    input: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Side:
    """What the Code, or the agreement, gives by itself.

    `not_due` is the reason where nothing is due; `value` is then NOT_DUE.
    """

    value: Value
    unit: str | None = None
    unit_qualifier: str | None = None
    steps: tuple[Step, ...] = ()
    sources: tuple[LegalSource, ...] = ()
    not_due: str | None = None
    terms: Mapping[str, object] | None = None
    conditions: Mapping[str, object] | None = None
    warnings: tuple[Note, ...] = ()
    assumptions: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Calculation:
    """The result of a calculator: the side that applies, and both sides as computed apart.

    Where `missing` names inputs, nothing was computed and `value` is None. `is_minimum`: the
    agreement was named and its rule is not held, so the Code's result is only a minimum.
    """

    calculator: str
    idcc: str | None
    as_of: date
    value: Value = None
    unit: str | None = None
    unit_qualifier: str | None = None
    source: Source = "legal"
    same_as_legal: bool = False
    is_minimum: bool = False
    comparison: Comparison = "legal_only"
    not_due: str | None = None
    steps: tuple[Step, ...] = ()
    sources: tuple[LegalSource, ...] = ()
    legal: Side | None = None
    agreement: Side | None = None
    terms: Mapping[str, object] | None = None
    conditions: Mapping[str, object] | None = None
    warnings: tuple[Note, ...] = ()
    assumptions: tuple[Note, ...] = ()
    missing: tuple[Question, ...] = ()


def money(amount: Fraction) -> Decimal:
    """Return an amount in euros, rounded half up to the cent."""
    return decimal(amount).quantize(_CENT, ROUND_HALF_UP)


def decimal(number: Fraction) -> Decimal:
    """Return a number as a Decimal, exact where 12 decimals hold it, else rounded half up there."""
    scaled = number * 10**_PLACES
    whole, half = divmod(abs(scaled.numerator) * 2 + scaled.denominator, scaled.denominator * 2)
    del half
    sign = -1 if scaled < 0 else 1
    exact = Decimal(sign * whole).scaleb(-_PLACES)
    if exact == exact.to_integral_value():
        return exact.quantize(Decimal(1))
    return exact.normalize()
