"""The indemnity of a mutual termination: not less than that of article L1234-9 (L1237-13), whatever
the seniority, nor than the agreement's severance where the agreement's employers are bound by it.

Where the severance depends on the reason of the dismissal, it is computed for each, and the lowest
that is not zero counts. Both parties agree, so a fault excludes nothing (L1237-11).
"""

from decimal import Decimal

from ai_core.calculators.inputs import Answer
from ai_core.calculators.pay_outcomes import PayOptions
from ai_core.calculators.records import Calculation, Side
from ai_core.calculators.rulebook import Case
from ai_core.calculators.severance_pay import (
    UNIT,
    Outcome,
    excluded_by_code,
    of_agreement,
    of_code,
    prepared,
    result,
)

_SEVERANCE = "severance_pay"


def calculate(case: Case) -> Calculation:
    """Return the indemnity of a mutual termination. Raises RuleWithheld."""
    told = case
    case = prepared(case.with_facts({**case.facts, "gross_misconduct": False}))
    excluded = excluded_by_code(case)
    if excluded is not None:
        return result(told, Outcome(excluded), None)
    agreement = _of_agreement(case)
    legal = None if agreement is not None and agreement.replaces_code else of_code(case)
    return result(told, legal, agreement)


def _of_agreement(case: Case) -> Outcome | None:
    rules = case.book.agreement(case.idcc)
    if rules is None:
        return None
    table = rules.tables.get("mutual_termination_pay")
    options = PayOptions() if table is None else table.options or PayOptions()
    if options.none:
        return Outcome(Side(Decimal(0), UNIT, not_due="not_for_mutual_terminations"))
    name = "mutual_termination_pay" if table is not None and table.rows else _SEVERANCE
    if not options.reasons:
        return of_agreement(case, name)
    return _lowest([_for_reason(case, name, reason) for reason in options.reasons])


def _for_reason(case: Case, name: str, reason: dict[str, bool | str]) -> Outcome:
    facts: dict[str, Answer] = {**case.facts, **reason}
    return of_agreement(case.with_facts(facts), name) or Outcome()


def _lowest(found: list[Outcome]) -> Outcome:
    """Return the outcome that counts, or the first that lacks an input."""
    for outcome in found:
        if outcome.question is not None:
            return outcome
    due = [(outcome.side.value, outcome) for outcome in found if outcome.side is not None]
    amounts = [(value, item) for value, item in due if isinstance(value, Decimal) and value]
    return min(amounts, key=lambda pair: pair[0])[1] if amounts else found[0]
