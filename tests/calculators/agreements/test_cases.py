"""Cases of the agreements, written beside their clauses: NAME.toml, each by who wrote the rules.

A case has `idcc`, `calculator`, `inputs`, `value`, and `unit` and `source` where they count.
"""

import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ai_core.calculators.catalogue import compute
from ai_core.calculators.rulebook import RuleBook

CASES = [
    (f"{file.stem} {number}: {case['idcc']} {case['calculator']}", case)
    for file in sorted(Path(__file__).parent.glob("*.toml"))
    for number, case in enumerate(tomllib.loads(file.read_text(encoding="utf-8"))["cases"], 1)
]


def test_each_case_gives_what_its_clause_says(subtests: pytest.Subtests) -> None:
    for name, case in CASES:
        with subtests.test(name):
            _check(case)


def _check(case: dict[str, Any]) -> None:
    found = compute(
        case["calculator"], case["idcc"], date(2026, 11, 30), case["inputs"], RuleBook()
    )
    assert not found.missing, f"asks {[question.input for question in found.missing]}"
    value = found.value
    if isinstance(value, Decimal):
        precision = Decimal("0.0001") if found.unit == "ans" else Decimal("0.01")
        assert abs(value - Decimal(str(case["value"]))) < precision
    else:
        assert value == case["value"]
    assert case.get("unit", found.unit) == found.unit
    assert case.get("source", found.source) == found.source
