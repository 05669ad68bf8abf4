"""Results whose sides are not compared: an agreement in place of the Code, or the Code alone."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from ai_core.calculators.records import Calculation, Note, Question, Side
from ai_core.calculators.rulebook import Case

Found = TypeVar("Found")


def unique(items: Iterable[Found]) -> tuple[Found, ...]:
    """Return the items, each once, in their order; they need not be hashable."""
    found: list[Found] = []
    for item in items:
        if item not in found:
            found.append(item)
    return tuple(found)


def of_one_side(
    case: Case, legal: Side | None, own: Side | None, missing: Iterable[Question]
) -> Calculation:
    """Return the agreement's side where a rule of its own made it, else the Code's, and both.

    Where an input is missing there is no value.
    """
    asked = unique(missing)
    no_file = case.idcc is not None and case.book.agreement(case.idcc) is None
    has_rule = own is not None and any(source.idcc for source in own.sources)
    chosen = own if has_rule else legal
    if asked or chosen is None:
        return Calculation(
            case.calculator, case.idcc, case.as_of, missing=asked, legal=legal, agreement=own
        )
    same = has_rule and legal is not None and chosen.value == legal.value
    return Calculation(
        case.calculator,
        case.idcc,
        case.as_of,
        value=chosen.value,
        unit=chosen.unit,
        source="agreement" if has_rule else "legal",
        same_as_legal=same,
        is_minimum=no_file,
        comparison="equal" if same else "agreement_only" if has_rule else "legal_only",
        not_due=chosen.not_due,
        steps=chosen.steps,
        sources=unique((*chosen.sources, *(legal.sources if has_rule and legal else ()))),
        legal=legal,
        agreement=own,
        assumptions=chosen.assumptions,
    )


def of_code(
    case: Case,
    side: Side | None = None,
    *,
    missing: Iterable[Question] = (),
    warnings: Iterable[Note] = (),
    assumptions: Iterable[Note] = (),
) -> Calculation:
    """Return the result of a calculator that knows the Code alone.

    Where an agreement is named it may say otherwise, which is told.
    """
    empty = Calculation(case.calculator, case.idcc, case.as_of)
    if side is None or missing:
        return replace(empty, missing=unique(missing))
    named = () if case.idcc is None else (Note(f"{case.calculator}_by_agreement"),)
    return replace(
        empty,
        value=side.value,
        unit=side.unit,
        not_due=side.not_due,
        steps=side.steps,
        sources=unique(side.sources),
        legal=side,
        warnings=unique((*named, *warnings)),
        assumptions=unique(assumptions),
    )
