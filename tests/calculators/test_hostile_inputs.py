"""Whatever is sent to a calculator, it answers: a result, a question, or the field at fault."""

import os
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_core.calculators.catalogue import CALCULATORS, choices_of, compute
from ai_core.calculators.inputs import ABSENCE_REASONS, INPUTS
from ai_core.calculators.records import Calculation
from ai_core.calculators.rule_files import agreements_held
from ai_core.calculators.rulebook import RuleBook
from ai_core.calculators.wording import wording
from ai_core.errors import WrongInputs

BOOK = RuleBook()
DAYS = st.dates(date(1930, 1, 1), date(2100, 12, 31)).map(date.isoformat)
PLAUSIBLE = st.one_of(
    st.integers(0, 120), st.floats(0, 120), st.floats(0, 1440), st.sampled_from([0, 1 / 3, 5e-324])
)
NUMBERS = st.one_of(
    PLAUSIBLE,
    st.just(-1),
    st.sampled_from([0, 0.0, 1 / 3, 1e7, 5e-324, 1e308, float("nan"), float("inf"), 10**4000]),
    st.sampled_from(["12", "1e-999999", "1e999999", "٣", "1_0", "", "0" * 100_000, "sNaN"]),
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | DAYS | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def by_kind(numbers: st.SearchStrategy[Any], months: list[str]) -> dict[str, Any]:
    """Return values for each kind of input."""
    month = st.fixed_dictionaries(
        {"amount": numbers}, optional={"month": st.sampled_from(months), "bonus": numbers}
    )
    absence = st.fixed_dictionaries(
        {"reason": st.sampled_from(ABSENCE_REASONS), "months": numbers}, optional={"start": DAYS}
    )
    return {
        "boolean": st.booleans(),
        "number": numbers,
        "date": DAYS,
        "salary": month,
        "salaries": st.lists(month, max_size=14),
        "absences": st.lists(absence, max_size=4),
    }


FITTING = by_kind(PLAUSIBLE, ["01", "12", "2025-03"])
HOSTILE = by_kind(NUMBERS, ["01", "13", "0000-01", "2025-3"])


def values(name: str, choices: tuple[str, ...], *, hostile: bool) -> st.SearchStrategy[Any]:
    known = HOSTILE if hostile else FITTING
    kinds = [known[kind] for kind in INPUTS[name].kinds if kind in known]
    fitting = [*kinds, st.sampled_from(choices)] if choices else kinds
    return st.one_of(*fitting, ANYTHING) if hostile or not fitting else st.one_of(*fitting)


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str | None, dict[str, Any]]:
    calculator = CALCULATORS[draw(st.sampled_from(sorted(CALCULATORS)))]
    idcc = draw(st.sampled_from([None, *agreements_held()]))
    choices = choices_of(calculator, BOOK, idcc)
    hostile = draw(st.integers(0, 3)) == 0
    names = draw(st.sets(st.sampled_from(calculator.inputs), max_size=16))
    inputs = {
        name: draw(values(name, choices.get(name, ()), hostile=hostile)) for name in sorted(names)
    }
    return calculator.name, idcc, inputs


@pytest.mark.slow
@settings(max_examples=int(os.environ.get("NEO_EXAMPLES", "400")), deadline=None)
@given(requests())
def test_a_request_is_answered_or_refused_by_field(
    request_made: tuple[str, str | None, dict[str, Any]],
) -> None:
    name, idcc, inputs = request_made
    try:
        found = compute(name, idcc, date(2026, 11, 30), inputs, BOOK)
    except WrongInputs as refused:
        fields = [str(fault["field"]) for fault in refused.faults]
    else:
        fields = []
        check_said(found)
    assert all(field.startswith("inputs.") for field in fields)


def check_said(found: Calculation) -> None:
    words = wording("fr")
    assert (found.value is None) == bool(found.missing)
    assert all(words.step(step) for step in found.steps)
    assert all(words.warning(note) for note in found.warnings)
    assert all(words.assumption(note) for note in found.assumptions)
    assert all(words.question(question.input) for question in found.missing)
