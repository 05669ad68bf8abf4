"""Measures the calculators on cases whose results are known: ./neo bench calculators --cases FILE.

A line of the file is a case in JSON: `id`, `calculator`, `idcc` (null for the Code alone), `inputs`
and `expected` with `value`, `unit`, `source`, and where they apply `reason` (of "not_due"), `terms`
and `same_as_legal`. A case without `final` is one side's amount: the side named by `source` counts.
Printed: right, wrong and not held for each calculator and agreement, the rows that are wrong, how
many results were called the agreement's and are the Code's, and the processor time of
each calculation.
"""

import argparse
import json
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from ai_core.calculators.catalogue import CALCULATORS, compute
from ai_core.calculators.records import NOT_DUE, Calculation, Side
from ai_core.calculators.rule_files import agreement_rules
from ai_core.calculators.rulebook import RuleBook
from ai_core.errors import WrongInputs

Row = Mapping[str, Any]
RIGHT, WRONG, NOT_HELD = "right", "WRONG", "not held"
_CENT = Decimal("0.01")
_YEARS = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one case."""

    row: Row
    verdict: str
    got: str
    taken_s: float
    called_agreement_wrongly: bool = False


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="./neo bench calculators", description=__doc__)
    parser.add_argument("--cases", type=Path, required=True, help="a JSON line for each case")
    parser.add_argument("--idcc", action="append", help="only this agreement; 'code' for the Code")
    parser.add_argument("--calculator", action="append", help="only this calculator")
    parser.add_argument("--wrong", type=int, default=30, help="how many wrong rows to print")
    options = parser.parse_args()
    rows = [json.loads(line) for line in options.cases.read_text("utf-8").splitlines() if line]
    outcomes = [measure(row) for row in rows if _wanted(row, options.idcc, options.calculator)]
    print_tables(outcomes)
    print_wrong(outcomes, options.wrong)
    print_times(outcomes)


def _wanted(row: Row, idccs: list[str] | None, names: list[str] | None) -> bool:
    return (idccs is None or (row["idcc"] or "code") in idccs) and (
        names is None or row["calculator"] in names
    )


def measure(row: Row) -> Outcome:
    """Compute one case and judge it."""
    name, idcc, expected = row["calculator"], row["idcc"], row["expected"]
    if name not in CALCULATORS:
        return Outcome(row, NOT_HELD, "no such calculator", 0.0)
    book = RuleBook()
    started = time.process_time()
    try:
        held = idcc is None or agreement_rules(idcc) is not None
        if not held and expected["source"] == "agreement":
            return Outcome(row, NOT_HELD, "no rule file", 0.0)
        started = time.process_time()
        found = compute(name, idcc, date(2026, 11, 30), row["inputs"], book)
    except WrongInputs as problem:
        return Outcome(row, WRONG, f"refused: {list(problem.faults)}", 0.0)
    except (ArithmeticError, LookupError, TypeError, ValueError) as problem:
        return Outcome(row, WRONG, f"failed: {type(problem).__name__}: {problem}", 0.0)
    taken_s = time.process_time() - started
    if found.is_minimum and expected["source"] == "agreement":
        return Outcome(row, NOT_HELD, "no table for this calculator", taken_s)
    verdict = RIGHT if is_right(found, expected) else WRONG
    mistaken = found.source == "agreement" and expected["source"] == "legal" and _is_final(row)
    return Outcome(row, verdict, told(found), taken_s, mistaken)


def _is_final(row: Row) -> bool:
    return row["expected"].get("final") is True


def is_right(found: Calculation, expected: Row) -> bool:
    """Whether the result is the expected one, unit, reason and source included."""
    if expected.get("final") or (expected["source"] == "legal" and found.agreement is None):
        side: Side | Calculation | None = found
    else:
        side = found.legal if expected["source"] == "legal" else found.agreement
    if side is None or found.missing:
        return False
    wanted = expected["value"]
    if wanted == "due":
        return side.value != NOT_DUE
    if isinstance(wanted, str):
        same = side.value == wanted and expected.get("reason") in (None, side.not_due)
    elif not wanted and side.value == NOT_DUE:
        same = True  # nothing is nothing
    else:
        same = _same_number(side, wanted, expected["unit"], expected.get("unit_qualifier"))
    return same and (not expected.get("final") or _same_source(found, expected))


def _same_source(found: Calculation, expected: Row) -> bool:
    """Nothing is whose it is: an expected "none" or "not_due" may be either side's."""
    return found.source == expected["source"] or isinstance(expected["value"], str)


def _same_number(side: Side | Calculation, wanted: float, unit: str, qualifier: object) -> bool:
    if not isinstance(side.value, Decimal):
        return False
    value = Decimal(str(wanted))
    if unit == "€":
        return abs(side.value - value) <= _CENT
    if unit == "ans":
        return abs(side.value - value) < _YEARS
    same_unit = side.unit == unit or not value
    return side.value == value and same_unit and qualifier in (None, side.unit_qualifier)


def told(found: Calculation) -> str:
    """Return a result in a line."""
    if found.missing:
        return f"asks {', '.join(question.input for question in found.missing)}"
    sides = " · ".join(
        f"{name} {side.value} {side.unit or ''}".strip()
        for name, side in (("Code", found.legal), ("agreement", found.agreement))
        if side is not None
    )
    return f"{found.value} {found.unit or ''} ({found.source}, {found.comparison}; {sides})"


def print_tables(outcomes: Iterable[Outcome]) -> None:
    """Print right, wrong and not held, by calculator, then by agreement."""
    for key in ("calculator", "idcc"):
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for outcome in outcomes:
            counts[outcome.row[key] or "Code"][outcome.verdict] += 1
        print(f"\n{key:<26}{RIGHT:>8}{WRONG:>8}{NOT_HELD:>10}{'of held':>10}")
        for name, count in sorted(counts.items()):
            held = count[RIGHT] + count[WRONG]
            share = f"{count[RIGHT] / held:.1%}" if held else "-"
            print(f"{name:<26}{count[RIGHT]:>8}{count[WRONG]:>8}{count[NOT_HELD]:>10}{share:>10}")


def print_wrong(outcomes: Iterable[Outcome], most: int) -> None:
    """Print the rows that are wrong: what was given, expected and got."""
    wrong = [outcome for outcome in outcomes if outcome.verdict == WRONG]
    print(f"\n{len(wrong)} wrong" + (f", the first {most}:" if len(wrong) > most else ":"))
    for outcome in wrong[:most]:
        expected = outcome.row["expected"]
        wanted = " ".join(str(expected.get(k)) for k in ("value", "unit", "source"))
        print(f"- {outcome.row['id']}  {json.dumps(outcome.row['inputs'], ensure_ascii=False)}")
        print(f"    expected {wanted} {expected.get('reason') or ''}")
        print(f"    got      {outcome.got}")


def print_times(outcomes: Iterable[Outcome]) -> None:
    """Print the time calculations took, and results of the Code called the agreement's."""
    listed = list(outcomes)
    times_ms = sorted(outcome.taken_s * 1000 for outcome in listed if outcome.taken_s)
    mistaken = [outcome.row["id"] for outcome in listed if outcome.called_agreement_wrongly]
    print(f"\nmarked agreement, the Code's: {len(mistaken)} {' '.join(mistaken[:5])}")
    if times_ms:
        worst = times_ms[int(len(times_ms) * 0.99)]
        middle = statistics.median(times_ms)
        print(f"processor time: median {middle:.2f} ms, 99 % under {worst:.2f} ms")


if __name__ == "__main__":
    main()
