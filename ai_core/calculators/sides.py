"""Both sides of a case where the agreement's rule stands in place of the Code's, not beside it."""

from collections.abc import Iterable
from typing import TypeVar

from ai_core.calculators.records import Calculation, Question, Side
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
