"""Rows of rule files: which one a case fulfils, and what to ask."""

from datetime import date
from fractions import Fraction

import pytest

from ai_core.calculators.conditions import Bands, Condition, read_comparison
from ai_core.calculators.inputs import Answer, plain
from ai_core.calculators.tables import Row, choose

BANDS = Bands(
    {
        "seniority_band": {
            plain("Moins de 2 ans"): read_comparison("< 24"),
            plain("2 ans ou plus"): read_comparison(">= 24"),
        },
        "legal_seniority_band": {plain("Plus de 2 ans"): read_comparison(">= 24")},
    }
)


def labels(name: str, *accepted: str) -> Condition:
    meanings = tuple(BANDS.meaning(name, label) for label in accepted)
    return Condition(name, labels=accepted, bands=meanings)


def compared(name: str, comparison: str) -> Condition:
    return Condition(name, interval=read_comparison(comparison))


@pytest.mark.parametrize(
    ("comparison", "number", "holds"),
    [
        (">= 2, < 10", Fraction(2), True),
        (">= 2, < 10", Fraction(10), False),
        (">= 8/12", Fraction(2, 3), True),
        ("> 8/12", Fraction(2, 3), False),
        ("= 3", Fraction(3), True),
        ("<= 1.5", Fraction(3, 2), True),
        ("< 2023-05-01", Fraction(date(2023, 4, 30).toordinal()), True),
        ("< 2023-05-01", Fraction(date(2023, 5, 1).toordinal()), False),
    ],
)
def test_a_comparison_holds_at_its_bounds(comparison: str, number: Fraction, holds: bool) -> None:
    assert read_comparison(comparison).holds(number) is holds


@pytest.mark.parametrize("written", ["2", ">= deux", "> 3, < 2", ">= 1/0", ">= 2; < 3", "> 2, < 2"])
def test_a_comparison_that_says_nothing_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_comparison(written)


@pytest.mark.parametrize(
    ("condition", "facts", "verdict"),
    [
        (labels("category", "Cadres"), {"category": "CADRES"}, "yes"),
        (labels("category", "L'employeur"), {"category": "L’employeur"}, "yes"),
        (labels("category", "Cadres"), {}, "unknown"),
        (labels("seniority_band", "2 ans ou plus"), {"seniority_months": Fraction(24)}, "yes"),
        (labels("seniority_band", "Moins de 2 ans"), {"seniority_months": Fraction(24)}, "no"),
        # A label given counts as given, whatever the months.
        (
            labels("seniority_band", "Moins de 2 ans"),
            {"seniority_band": "Moins de 2 ans", "seniority_months": Fraction(90)},
            "yes",
        ),
        (compared("seniority_months", "< 6"), {"seniority_band": "2 ans ou plus"}, "no"),
        (compared("seniority_months", ">= 6"), {"seniority_band": "2 ans ou plus"}, "yes"),
        (compared("seniority_months", "< 6"), {"seniority_band": "Moins de 2 ans"}, "unknown"),
        (compared("entry_date", ">= 2019-07-01"), {"entry_date": date(2019, 7, 1)}, "yes"),
        (Condition("housed", boolean=True), {"housed": False}, "no"),
        (labels("group", "4"), {"group": Fraction(4)}, "yes"),
        (labels("group", "4"), {"group": Fraction(5)}, "no"),
        # The agreement's band tells the Code's where it lies within it.
        (
            labels("legal_seniority_band", "Plus de 2 ans"),
            {"seniority_band": "2 ans ou plus"},
            "yes",
        ),
        (
            labels("legal_seniority_band", "Plus de 2 ans"),
            {"seniority_band": "Moins de 2 ans"},
            "no",
        ),
    ],
)
def test_a_condition_is_fulfilled_or_not_or_unknown(
    condition: Condition, facts: dict[str, Answer], verdict: str
) -> None:
    assert condition.verdict(facts, BANDS) == verdict


ROWS = (
    Row((labels("category", "Cadres"), compared("seniority_months", ">= 24")), "3", ()),
    Row((labels("category", "Cadres"),), "2", ()),
    Row((labels("category", "Employés"), labels("group", "A")), "1", ()),
    Row((labels("category", "Employés"), labels("group", "B")), "0", ()),
)


def test_the_first_row_that_holds_is_taken() -> None:
    facts: dict[str, Answer] = {"category": "Cadres", "seniority_months": Fraction(30)}
    chosen = choose(ROWS, facts, BANDS).row
    assert chosen is not None
    assert chosen.outcome == "3"


@pytest.mark.parametrize(
    ("facts", "asked", "choices"),
    [
        ({}, "category", ("Cadres", "Employés")),
        ({"category": "Employés"}, "group", ("A", "B")),
        ({"category": "Cadres"}, "seniority_months", ()),
        ({"group": "B"}, "category", ("Cadres", "Employés")),
    ],
)
def test_what_is_missing_is_asked_with_the_labels_left(
    facts: dict[str, Answer], asked: str, choices: tuple[str, ...]
) -> None:
    question = choose(ROWS, facts, BANDS).question
    assert question is not None
    assert (question.input, question.choices) == (asked, choices)


def test_where_no_row_holds_nothing_is_chosen_and_nothing_asked() -> None:
    chosen = choose(ROWS, {"category": "Ouvriers"}, BANDS)
    assert chosen.row is None
    assert chosen.question is None
