"""What must hold of every notice, whatever the agreement: more service never shortens it, and what
applies is never worse than the side it is compared with."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from ai_core.calculators.catalogue import calculator
from ai_core.calculators.inputs import INPUTS, Answer, Facts
from ai_core.calculators.records import Calculation, Question, Side
from ai_core.calculators.rule_files import agreements_held
from ai_core.calculators.rulebook import Case, RuleBook

MONTHS = tuple(map(Fraction, ("0", "1/3", "1", "2", "3", "6", "7", "12", "18")))
LONG = tuple(map(Fraction, (24, 25, 36, 60, 120, 180, 240)))
DAYS = {"mois": 30, "semaines": 7}
BOOK = RuleBook()


def computed(name: str, idcc: str, facts: Facts) -> Calculation:
    return calculator(name).calculate(Case(name, idcc, date(2026, 11, 30), facts, BOOK))


def leaves(name: str, idcc: str, facts: Facts) -> Iterator[tuple[Facts, Calculation]]:
    """Answer every question with every label, to the end."""
    found = computed(name, idcc, facts)
    if not found.missing:
        yield facts, found
        return
    for answer in answers(found.missing[0]):
        yield from leaves(name, idcc, {**facts, found.missing[0].input: answer})


def answers(question: Question) -> tuple[Answer, ...]:
    if question.choices:
        return question.choices
    kinds = INPUTS[question.input].kinds
    if "boolean" in kinds:
        return (True, False)
    return (
        (date(2000, 3, 1), date(2024, 3, 1)) if "date" in kinds else (Fraction(56), Fraction(300))
    )


def days(side: Side | Calculation) -> Decimal:
    assert isinstance(side.value, Decimal)
    return side.value * DAYS.get(side.unit or "", 1)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("dismissal_notice", {}),
        ("dismissal_notice", {"disabled_worker": True}),
        ("retirement_notice", {"initiator": "employer"}),
        ("retirement_notice", {"initiator": "employer", "disabled_worker": True}),
        ("resignation_notice", {}),
    ],
)
def test_more_service_never_shortens_a_notice(
    subtests: pytest.Subtests, name: str, given: dict[str, Answer]
) -> None:
    for idcc in agreements_held():
        with subtests.test(idcc):
            reached: dict[frozenset[tuple[str, Answer]], tuple[Decimal, Fraction]] = {}
            for months in (*MONTHS, *LONG):
                for facts, found in leaves(name, idcc, {**given, "seniority_months": months}):
                    others = frozenset(
                        item for item in facts.items() if item[0] != "seniority_months"
                    )
                    before, since = reached.get(others, (Decimal(0), Fraction(0)))
                    assert days(found) >= before, f"{dict(others)}: {since} then {months} months"
                    reached[others] = days(found), months


def test_what_applies_is_the_better_of_both_sides(subtests: pytest.Subtests) -> None:
    seen: set[str] = set()
    cases = [(months, disabled) for months in (3, 9, 30) for disabled in (False, True)]
    for idcc in agreements_held():
        with subtests.test(idcc):
            for months, disabled in cases:
                given: Facts = {"seniority_months": Fraction(months), "disabled_worker": disabled}
                for _, found in leaves("dismissal_notice", idcc, given):
                    seen.add(found.comparison)
                    both = [side for side in (found.legal, found.agreement) if side is not None]
                    if found.comparison != "agreement_only":
                        assert days(found) == max(map(days, both))
    assert {"agreement_better", "legal_better", "equal"} <= seen
