"""The bonus at the end of a fixed-term contract or a temporary assignment (articles L1243-8 to
L1243-10, L1251-32, L1251-33): the agreement's where it has one for the contract, else the Code's.
"""

from dataclasses import replace
from fractions import Fraction

from ai_core.calculators.inputs import Facts
from ai_core.calculators.records import (
    NOT_DUE,
    Calculation,
    Factor,
    Note,
    Question,
    Side,
    Step,
    Term,
    money,
)
from ai_core.calculators.rulebook import (
    Case,
    Ruling,
    assumed,
    rule_of_agreement,
    rule_of_code,
    warnings_of,
)
from ai_core.calculators.tables import labels_of

PAY = "total_gross_pay"
ORDINARY = "Autres"
USAGE = "CDD d'usage"
"""What the contracts that agreements name are for the Code: by it they have no bonus, "sauf
dispositions conventionnelles plus favorables" (articles L1242-2, 3°, and L1243-10, 1°)."""
_ASKED = ("contract", "fixed_term_type")


def calculate(case: Case) -> Calculation:
    """Return the bonus of a case. Raises RuleWithheld.

    What would exclude it and is not told is taken as not being so, and listed as an assumption.
    """
    exclusions = _exclusions(case)
    told = case.with_facts(_completed(case, exclusions))
    code, agreement = rule_of_code(_as_the_code_sees(told)), _of_fixed_term(told)
    missing = _missing(case, code, agreement)
    if missing:
        return Calculation(case.calculator, case.idcc, case.as_of, missing=missing)
    legal, own = _side(case, code, "bonus_of_code"), _side(case, agreement, "bonus_of_clause")
    no_file = case.idcc is not None and agreement.rules is None
    withheld = agreement.table is not None and not agreement.held
    return replace(
        _compared(case, legal or Side(NOT_DUE), own),
        is_minimum=no_file or withheld,
        warnings=warnings_of(case, code if own is None else agreement),
        assumptions=(*_contract_assumed(case, told), *assumed(case, *exclusions)),
    )


def _of_fixed_term(case: Case) -> Ruling:
    """Return what the agreement gives: nothing to a permanent contract, whatever kind was named."""
    ruling = rule_of_agreement(case)
    if case.facts.get("contract") == "CDI":
        return replace(ruling, row=None, question=None)
    return ruling


def _exclusions(case: Case) -> tuple[str, ...]:
    """Return the yes-or-no inputs that decide for this contract."""
    known = {name: case.facts[name] for name in _ASKED if name in case.facts}
    found: dict[str, None] = {}
    for rules in (case.book.code, case.book.agreement(case.idcc)):
        table = None if rules is None else rules.tables.get(case.calculator)
        if table is not None:
            possible = [row for row in table.rows if row.verdict(known, table.bands) != "no"]
            booleans = (
                c.input for row in possible for c in row.conditions if c.boolean is not None
            )
            found.update(dict.fromkeys(booleans))
    return tuple(found)


def _completed(case: Case, exclusions: tuple[str, ...]) -> Facts:
    """Return the facts with what is assumed: no exclusion, and an ordinary contract where neither
    side's other contracts are asked about.
    """
    facts = {**dict.fromkeys(exclusions, False), **case.facts}
    rules = case.book.agreement(case.idcc)
    asks_type = rules is not None and case.calculator in rules.tables
    if facts.get("contract") == "CTT" or not asks_type:
        facts.setdefault("fixed_term_type", ORDINARY)
    return facts


def _as_the_code_sees(case: Case) -> Case:
    named = case.facts.get("fixed_term_type")
    known = case.book.code.tables[case.calculator]
    labels = (*labels_of("fixed_term_type", known.rows), *known.choices["fixed_term_type"])
    if named is None or named in labels:
        return case
    return case.with_facts({**case.facts, "fixed_term_type": USAGE})


def _contract_assumed(case: Case, told: Case) -> tuple[Note, ...]:
    assumed_type = "fixed_term_type" in told.facts and "fixed_term_type" not in case.facts
    if assumed_type and case.facts.get("contract") == "CDD":
        return (Note("assumed_ordinary_fixed_term_contract"),)
    return ()


def _missing(case: Case, code: Ruling, agreement: Ruling) -> tuple[Question, ...]:
    asked = _merged([item.question for item in (agreement, code) if item.question is not None])
    excluded = code.row is not None and code.row.outcome.not_due is not None
    if PAY not in case.facts and not asked and not (excluded and agreement.row is None):
        asked.append(Question(PAY))
    return tuple(asked)


def _merged(questions: list[Question]) -> list[Question]:
    """Return each question once, with the labels of both sides."""
    labels: dict[str, tuple[str, ...]] = {}
    for question in questions:
        labels[question.input] = (*labels.get(question.input, ()), *question.choices)
    return [Question(name, tuple(dict.fromkeys(found))) for name, found in labels.items()]


def _side(case: Case, ruling: Ruling, key: str) -> Side | None:
    if ruling.row is None:
        return None
    outcome = ruling.row.outcome
    if outcome.not_due is not None:
        step = Step(f"not_due_{outcome.not_due}", {}, NOT_DUE, None, ruling.source_id)
        return Side(NOT_DUE, steps=(step,), sources=ruling.sources, not_due=outcome.not_due)
    pay = case.facts[PAY]
    if not isinstance(pay, Fraction):
        raise TypeError(f"{PAY} is a number")
    term = Term(
        (Factor(PAY, pay, PAY), Factor("rate", outcome.rate)),
        pay * outcome.rate,
    )
    amount = money(term.value)
    step = Step(key, {"rate": outcome.rate}, amount, "€", ruling.source_id, term)
    return Side(amount, "€", steps=(step,), sources=ruling.sources)


def _compared(case: Case, legal: Side, own: Side | None) -> Calculation:
    chosen = legal if own is None else own
    other = () if own is None else legal.sources
    return Calculation(
        case.calculator,
        case.idcc,
        case.as_of,
        value=chosen.value,
        unit=chosen.unit,
        source="legal" if own is None else "agreement",
        same_as_legal=own is not None and own.value == legal.value,
        comparison="legal_only" if own is None else "agreement_only",
        not_due=chosen.not_due,
        steps=chosen.steps,
        sources=tuple(dict.fromkeys((*chosen.sources, *other))),
        legal=legal,
        agreement=own,
    )
