"""The notice on resignation, dismissal and retirement: the Code, the agreement, and which applies.

Dismissal: the longer (article L1234-1, last paragraph). Retirement decided by the employer: the
longer; by the employee: the shorter where the agreement has one. Below six months of service the
agreement alone, since the Code then leaves the length to it (articles L1237-6, L1237-10, L1234-1,
1°). Resignation: the agreement, since the Code fixes no length (article L1237-1).
"""

from dataclasses import dataclass, replace
from datetime import date

from ai_core.calculators.durations import Duration, months_between
from ai_core.calculators.inputs import Facts
from ai_core.calculators.records import (
    NOT_DUE,
    Calculation,
    Comparison,
    Note,
    Question,
    Side,
    Step,
    decimal,
)
from ai_core.calculators.rulebook import (
    Case,
    Ruling,
    assumed,
    rule_of_agreement,
    rule_of_code,
    warnings_of,
)

_BANDS = ("legal_seniority_band", "seniority_band")
_FACTOR = "disabled_worker_notice_factor"
_MOST_MONTHS = "disabled_worker_notice_months_at_most"


@dataclass(frozen=True, slots=True)
class _Notice:
    """One side while both are compared: its duration, and what is shown of it."""

    duration: Duration
    side: Side
    replaces_code: bool = False


def calculate(case: Case) -> Calculation:
    """Return the notice of a case. Raises RuleWithheld."""
    case = case.with_facts(_with_service(case.facts))
    if case.calculator == "dismissal_notice" and case.facts.get("gross_misconduct") is True:
        return _no_notice(case)
    code, agreement = rule_of_code(case), rule_of_agreement(case)
    missing = _missing(code, agreement)
    if missing:
        return Calculation(case.calculator, case.idcc, case.as_of, missing=missing)
    legal, own = _of_code(case, code), _of_agreement(case, agreement)
    not_held = case.idcc is not None and not agreement.held
    return replace(
        _compared(case, legal, own),
        is_minimum=not_held,
        warnings=warnings_of(case, code if own is None else agreement),
        assumptions=_assumptions(case),
    )


def _with_service(facts: Facts) -> Facts:
    """Add the months of service where the dates give them."""
    entry = facts.get("entry_date")
    seen = facts.get("notice_date", facts.get("exit_date"))
    if "seniority_months" in facts or not (isinstance(entry, date) and isinstance(seen, date)):
        return facts
    return {**facts, "seniority_months": months_between(entry, seen)}


def _missing(code: Ruling, agreement: Ruling) -> tuple[Question, ...]:
    """Return what to ask, once each; where both bands are, the months of service answer both."""
    asked = [item.question for item in (agreement, code) if item.question is not None]
    if any(question.input == "legal_seniority_band" for question in asked):
        months = Question("seniority_months")
        asked = [months if question.input in _BANDS else question for question in asked]
    return tuple(dict.fromkeys(asked))


def _no_notice(case: Case) -> Calculation:
    """Gross misconduct: article L1234-1 gives notice only without it."""
    source = case.book.code.source("no_notice_after_gross_misconduct")
    step = Step("no_notice_after_gross_misconduct", {}, NOT_DUE, None, source.id)
    side = Side(NOT_DUE, steps=(step,), sources=(source,), not_due="gross_misconduct")
    return Calculation(
        case.calculator,
        case.idcc,
        case.as_of,
        value=NOT_DUE,
        not_due=side.not_due,
        steps=side.steps,
        sources=side.sources,
        legal=side,
    )


def _of_code(case: Case, ruling: Ruling) -> _Notice:
    """Return the Code's notice, doubled for a disabled worker (article L5213-9)."""
    if ruling.row is None:
        raise ValueError(f"{case.calculator}: the Code's table has no row for the case")
    doubles = case.calculator != "resignation_notice"
    duration = ruling.row.outcome.value
    key = "notice_of_code" if duration.amount else "notice_left_to_agreements"
    if case.calculator == "resignation_notice":
        key = "no_notice_fixed_by_code"
    return _notice(case, ruling, duration, key, doubles=doubles)


def _of_agreement(case: Case, ruling: Ruling) -> _Notice | None:
    """Return the agreement's notice, None where it has none for the case.

    A disabled worker's is doubled on retirement. On dismissal only the Code's is, since article
    L5213-9 doubles the length that article L1234-1 gives. A row may say otherwise.
    """
    if ruling.row is None or ruling.row.outcome.value is None:
        return None
    outcome = ruling.row.outcome
    said = outcome.doubled_when_disabled
    doubles = case.calculator == "retirement_notice" if said is None else said
    key = "notice_of_clause" if outcome.value.amount else "no_notice_of_clause"
    return _notice(case, ruling, outcome.value, key, doubles=doubles)


def _notice(case: Case, ruling: Ruling, duration: Duration, key: str, *, doubles: bool) -> _Notice:
    steps = [_step(key, duration, ruling.source_id)]
    sources = ruling.sources
    if doubles and case.facts.get("disabled_worker") is True:
        doubling = case.book.code.source(_FACTOR)
        sources = (*sources, doubling)
        longer = _doubled(case, duration)
        if longer != duration:
            duration = longer
            steps.append(_step("notice_doubled_for_disabled_worker", duration, doubling.id))
    outcome = ruling.row.outcome if ruling.row is not None else None
    side = Side(
        decimal(duration.amount),
        duration.unit,
        outcome.qualifier if outcome is not None else None,
        steps=tuple(steps),
        sources=sources,
    )
    return _Notice(duration, side, outcome is not None and outcome.replaces_code)


def _doubled(case: Case, duration: Duration) -> Duration:
    """Return the doubled notice, three months at most; one of three months or more is kept."""
    most = Duration(case.book.code.number(_MOST_MONTHS), "mois")
    if duration.days >= most.days:
        return duration
    doubled = Duration(duration.amount * case.book.code.number(_FACTOR), duration.unit)
    return min(doubled, most, key=lambda length: length.days)


def _step(key: str, duration: Duration, source: str | None) -> Step:
    return Step(key, {}, decimal(duration.amount), duration.unit, source)


def _compared(case: Case, legal: _Notice, own: _Notice | None) -> Calculation:
    """Return the side that applies, and both."""
    decides = _what_decides(case, legal, own)
    from_agreement = own is not None and decides not in ("legal_only", *_LEGAL_WINS)
    chosen = own.side if own is not None and from_agreement else legal.side
    steps = chosen.steps
    if decides in _COMPARED:
        steps = (*legal.side.steps, *(own.side.steps if own else ()), _decided(decides, chosen))
    other = legal.side if from_agreement else own.side if own else None
    return Calculation(
        case.calculator,
        case.idcc,
        case.as_of,
        value=chosen.value,
        unit=chosen.unit,
        unit_qualifier=chosen.unit_qualifier,
        source="agreement" if from_agreement else "legal",
        same_as_legal=decides == "equal",
        comparison=decides,
        steps=steps,
        sources=tuple(dict.fromkeys((*chosen.sources, *(other.sources if other else ())))),
        legal=legal.side,
        agreement=None if own is None else own.side,
    )


_LEGAL_WINS: tuple[Comparison, ...] = ("legal_better", "legal_shorter")
_COMPARED: tuple[Comparison, ...] = (
    *("agreement_better", "legal_better", "agreement_shorter", "legal_shorter", "equal"),
)


def _decided(decides: Comparison, chosen: Side) -> Step:
    source = chosen.sources[0].id if chosen.sources else None
    return Step(f"decides_{decides}", {}, chosen.value, chosen.unit, source)


def _what_decides(case: Case, legal: _Notice, own: _Notice | None) -> Comparison:
    if own is None:
        return "legal_only"
    if own.replaces_code:
        return "agreement_only"
    if legal.duration.days == own.duration.days:
        return "equal"
    if case.calculator == "resignation_notice" or not legal.duration.amount:
        return "agreement_only"
    if _leaves_early(case) and own.duration.amount:
        return "agreement_shorter" if own.duration.days < legal.duration.days else "legal_shorter"
    return "agreement_better" if own.duration.days > legal.duration.days else "legal_better"


def _leaves_early(case: Case) -> bool:
    """Whether the employee retires, for whom the shorter notice is the better one."""
    return case.calculator == "retirement_notice" and case.facts.get("initiator") == "employee"


def _assumptions(case: Case) -> tuple[Note, ...]:
    if case.calculator == "dismissal_notice":
        return assumed(case, "gross_misconduct", "disabled_worker")
    return assumed(case, "disabled_worker") if case.calculator == "retirement_notice" else ()
