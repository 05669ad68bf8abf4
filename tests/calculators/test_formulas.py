"""Formulas of rule files: exact, and nothing but arithmetic."""

import gc
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import pytest

from ai_core.calculators.formulas import read_formula

NUMBERS = {"S": Fraction(2300), "A": Fraction(25, 2), "C": Fraction(4025)}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1/4 * S * A[:10] + 1/3 * S * A[10:]", Fraction(5750) + Fraction(2300) * Fraction(5, 6)),
        ("0.1 * S", Fraction(230)),
        ("S * A[5:10]", Fraction(11500)),
        ("S * A[20:]", Fraction(0)),
        ("S * A[15/2:]", Fraction(11500)),
        ("min(12 * S, 58/100 * S * A)", Fraction(2300) * Fraction(29, 4)),
        ("max(C, 1/5 * S * floor(A))", Fraction(5520)),
        ("S / 12 * A - S", Fraction(2300) * Fraction(25, 24) - 2300),
        ("-S + 2 * (S + C)", Fraction(2300 + 8050)),
    ],
)
def test_a_formula_is_computed_exactly(text: str, value: Fraction) -> None:
    amount = read_formula(text).evaluate(NUMBERS)
    assert amount.value == value
    assert sum(term.value for term in amount.terms) == value


def test_the_terms_of_a_sum_are_its_steps() -> None:
    first, second = read_formula("1/4 * S * A[:10] + 1/3 * S * A[10:]").evaluate(NUMBERS).terms
    assert [factor.text for factor in first.factors] == ["1/4", "S", "A[:10]"]
    assert first.value == 5750
    years = second.factors[2]
    assert (years.name, years.start, years.stop) == ("A", Fraction(10), None)
    assert years.value == Fraction(5, 2)


@pytest.mark.parametrize(
    "text",
    [
        *("S ** 2", "S if A else C", "__import__('os')", "S.real", "'a' * S", "True * S", "A[B:]"),
        *("A[::2]", "A[:]", "A[3]", "floor(S, A)", "min(S)", "S * X", "S *", "abs(S)", "[S]"),
        *("S" * 401, "lambda: S", "S and A", "S % 2", "A[S:]"),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_formula(text)


class _Slow:
    """Garbage whose end lets other threads run."""

    def __init__(self) -> None:
        self.own = self

    def __del__(self) -> None:
        time.sleep(0.0001)


def test_formulas_are_read_by_many_threads_at_once() -> None:
    text = "+".join(f"({n}*S+min(A,{n}))" for n in range(12))

    def read(_: int) -> int:
        for _ in range(8):
            _Slow()
            read_formula(text)
        return 8

    before, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(50)
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(6) as threads:
            assert sum(threads.map(read, range(6))) == 48
    finally:
        gc.set_threshold(*before)
        sys.setswitchinterval(interval)
