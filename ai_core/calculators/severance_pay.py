"""The severance due on a dismissal: by the Code, by the agreement, and the better of the two.

Code du travail L1234-9, R1234-1, R1234-2 and R1234-4; L1226-14 after an accident at work; L3123-5
for part time. Each side has its own seniority and its own reference salary.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from ai_core.calculators.derived_facts import to_ask, with_earlier_status, with_what_follows
from ai_core.calculators.formulas import LEGAL_AMOUNT, SALARY, SENIORITY, Formula
from ai_core.calculators.inputs import Answer
from ai_core.calculators.pay_outcomes import PayOptions, SeveranceOutcome
from ai_core.calculators.records import (
    NOT_DUE,
    Calculation,
    Comparison,
    Note,
    Question,
    Side,
    Source,
    Step,
)
from ai_core.calculators.reference_salary import Salary, given_salary, reference_salary
from ai_core.calculators.rulebook import (
    Case,
    Ruling,
    assumed,
    rule_of_agreement,
    rule_of_code,
    warnings_of,
)
from ai_core.calculators.seniority import Purpose, Service, exact_years, service
from ai_core.calculators.sides import unique
from ai_core.calculators.tables import Row, matching
from ai_core.calculators.working import Working, part_time_of

UNIT = "€"
EXCLUDING = ("fixed_term_or_temporary_contract", "gross_misconduct")
"""The reasons for which neither the Code nor an agreement gives anything."""

_SUPPOSED: Mapping[str, str | bool] = {
    "contract": "CDI",
    "gross_misconduct": False,
    "unfitness_work_related": False,
}
_YEARS = (
    *("seniority_years", "right_seniority_years", "non_executive_years"),
    *("legal_seniority_years", "legal_right_seniority_years"),
    *("agreement_seniority_years", "agreement_right_seniority_years"),
    "seniority_years_before_executive",
)
_PREFIX: Mapping[Source, str] = {"legal": "legal_", "agreement": "agreement_"}
_PART_TIME = "part_time_severance"
_NOT_HELD = ("rule_withheld", "former_text_not_held")
"""Why the agreement's side is not known, so that the Code's is a minimum."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one side gives, or what is missing; `replaces_code` where the Code is not compared."""

    side: Side | None = None
    question: Question | None = None
    replaces_code: bool = False


def calculate(case: Case) -> Calculation:
    """Return the severance of a dismissal. Raises RuleWithheld."""
    told = case
    case = prepared(case)
    excluded = excluded_by_code(case)
    if excluded is not None:
        return result(told, Outcome(excluded), None)
    agreement = of_agreement(case)
    legal = None if agreement is not None and agreement.replaces_code else of_code(case)
    return result(told, legal, agreement)


def prepared(case: Case) -> Case:
    """Return the case with years as the months they mean, and with what is supposed."""
    facts: dict[str, Answer] = {**_SUPPOSED, **case.facts}
    for name in _YEARS:
        years = facts.get(name)
        if isinstance(years, Fraction):
            facts[name] = exact_years(years)
    return case.with_facts(with_what_follows(facts, case.as_of))


def excluded_by_code(case: Case) -> Side | None:
    """Return the Code's side where the kind of contract or the fault excludes any indemnity."""
    ruling = rule_of_code(case)
    reason = None if ruling.row is None else ruling.row.outcome.not_due
    return _not_due(ruling, reason) if reason in EXCLUDING else None


def of_code(case: Case) -> Outcome:
    """Return the Code's side."""
    return _Computation(case, "legal").outcome()


def of_agreement(case: Case, table_name: str = "severance_pay") -> Outcome | None:
    """Return the agreement's side, None where no agreement is named or its rules are not held."""
    rules = case.book.agreement(case.idcc)
    if rules is None:
        return None
    if table_name not in rules.tables:
        return Outcome(Side(Decimal(0), UNIT, not_due="no_clause"))
    return _Computation(case, "agreement", table_name).outcome()


def _not_due(ruling: Ruling, reason: str | None) -> Side:
    step = Step(f"not_due_{reason}", {}, NOT_DUE, None, ruling.source_id)
    return Side(NOT_DUE, steps=(step,), sources=ruling.sources, not_due=reason)


class _Missing(Exception):
    """An input is missing; raised and caught within this module."""

    def __init__(self, question: Question) -> None:
        super().__init__(question.input)
        self.question = question


@dataclass(frozen=True, slots=True)
class _Computation:
    """The computation of one side."""

    case: Case
    source: Source
    table_name: str = ""

    def outcome(self) -> Outcome:
        """Return the side, or what is missing for it."""
        try:
            return self._outcome()
        except _Missing as missing:
            return Outcome(question=to_ask(missing.question))

    def _outcome(self) -> Outcome:
        amount_service, right_service = self._service("amount"), self._service("right")
        case = self.case.with_facts(
            with_earlier_status(
                {
                    **amount_service.named,
                    **self.case.facts,
                    "seniority_years": amount_service.years,
                    "right_seniority_years": right_service.years,
                }
            )
        )
        ruling = self._ruling(case)
        if ruling.question is not None:
            raise _Missing(ruling.question)
        found = self._ruled(case, ruling, (right_service, amount_service))
        if found.side is None:
            return found
        return replace(found, side=replace(found.side, warnings=warnings_of(case, ruling)))

    def _ruled(self, case: Case, ruling: Ruling, services: tuple[Service, Service]) -> Outcome:
        """Return what the row gives, without its warnings."""
        if not ruling.held:
            return Outcome(Side(Decimal(0), UNIT, not_due="rule_withheld"))
        if ruling.row is None:
            return Outcome(Side(Decimal(0), UNIT, not_due="no_row"))
        outcome: SeveranceOutcome = ruling.row.outcome
        if outcome.not_held:
            return Outcome(Side(Decimal(0), UNIT, not_due="former_text_not_held"))
        if outcome.amount is None:
            side = _not_due(ruling, outcome.not_due)
        else:
            side = self._amount(case, ruling, outcome, services)
        return Outcome(side, replaces_code=outcome.replaces_code)

    def _ruling(self, case: Case) -> Ruling:
        if self.source == "legal":
            return rule_of_code(case)
        return rule_of_agreement(case, self.table_name)

    def _service(self, purpose: Purpose) -> Service:
        """Return the seniority given for this side, or given for both, or counted from dates."""
        name = "seniority_years" if purpose == "amount" else "right_seniority_years"
        given = self._given(name)
        if given is None and purpose == "right":
            given = self._given("seniority_years")
        if given is not None:
            return Service(given)
        facts = self.case.facts
        if "entry_date" not in facts:
            raise _Missing(Question("seniority_years"))
        if "notice_date" not in facts and "exit_date" in facts:
            facts = {**facts, "notice_date": facts["exit_date"]}
        found = service(self.case.with_facts(facts), self.source, purpose)
        if isinstance(found, Question):
            raise _Missing(found)
        return replace(found, years=max(found.years, Fraction(0)))

    def _given(self, name: str) -> Fraction | None:
        for key in (f"{_PREFIX[self.source]}{name}", name):
            years = self.case.facts.get(key)
            if isinstance(years, Fraction):
                return years
        return None

    def _salary(self, case: Case) -> Salary:
        """Return the reference salary given, or the one the months of pay make."""
        given = given_salary(case, self.source)
        if given is not None:
            return given
        if "salaries" not in case.facts:
            raise _Missing(Question("reference_salary"))
        found = reference_salary(case, self.source)
        if isinstance(found, Question):
            raise _Missing(found)
        return found

    def _matching(self, case: Case, ruling: Ruling, rows: Iterable[Row[Any]]) -> list[Row[Any]]:
        if ruling.table is None:
            return []
        found, question = matching(rows, case.facts, ruling.table.bands)
        if question is not None:
            raise _Missing(question)
        return found

    def _amount(
        self,
        case: Case,
        ruling: Ruling,
        outcome: SeveranceOutcome,
        services: tuple[Service, Service],
    ) -> Side:
        table = ruling.table
        multipliers = self._matching(case, ruling, table.multipliers if table else ())
        additions = self._matching(case, ruling, table.additions if table else ())
        options = (table.options if table else None) or PayOptions()
        limits = [outcome.least, outcome.most, options.least, options.most]
        formulas = [outcome.amount, *(row.outcome.amount for row in additions), *limits]
        needed = [formula for formula in formulas if formula is not None]
        numbers, salary = self._numbers(case, needed, services[1])
        working = Working(numbers, ruling.source_id)
        part_time = part_time_of(case.facts)
        article = case.book.code.source(_PART_TIME) if part_time else None
        working.amount(outcome)
        for row in multipliers:
            working.multiply(row.outcome.by)
        for row in additions:
            working.add(row.outcome.amount)
        working.bound(options.least, options.most)
        if part_time and article:
            working.share(part_time, article.id)
        value = working.rounded(doubled=outcome.doubled)
        uses = tuple(use for row in (*multipliers, *additions) for use in row.uses)
        own = (*ruling.sources, *(ruling.rules.sources(uses) if ruling.rules else ()))
        parts = (*services, *((salary,) if salary else ()))
        return Side(
            value,
            UNIT,
            steps=(*_steps_of(*services), *(salary.steps if salary else ()), *working.steps),
            sources=unique(
                (
                    *own,
                    *((article,) if article else ()),
                    *(source for part in parts for source in part.sources),
                )
            ),
            assumptions=unique(note for part in parts for note in part.assumptions),
        )

    def _numbers(
        self, case: Case, formulas: list[Formula], amount_service: Service
    ) -> tuple[dict[str, Fraction], Salary | None]:
        """Return the numbers formulas need, and the salary where they need it."""
        numbers = {name: item for name, item in case.facts.items() if isinstance(item, Fraction)}
        numbers[SENIORITY] = amount_service.years
        names = {name for formula in formulas for name in formula.names}
        salary = self._salary(case) if names & {SALARY, LEGAL_AMOUNT} else None
        if salary is not None:
            numbers[SALARY] = salary.amount
        if LEGAL_AMOUNT in names:
            numbers[LEGAL_AMOUNT] = _code_amount(case, numbers)
        for name in names:
            if name not in numbers:
                raise _Missing(Question(name))
        return numbers, salary


def _steps_of(right: Service, amount: Service) -> tuple[Step, ...]:
    """Return the steps of both seniorities; of one where they are counted over the same days."""
    same = right.steps[:1] == amount.steps[:1] and right.years == amount.years
    return amount.steps if same else (*right.steps, *amount.steps)


def _code_amount(case: Case, numbers: Mapping[str, Fraction]) -> Fraction:
    """Return what the Code's formula gives for the agreement's seniority and salary."""
    ruling = rule_of_code(case, "severance_pay")
    if ruling.row is None or ruling.row.outcome.amount is None:
        return Fraction(0)
    amount: Fraction = ruling.row.outcome.amount.evaluate(numbers).value
    return amount * 2 if ruling.row.outcome.doubled else amount


def result(case: Case, legal: Outcome | None, agreement: Outcome | None) -> Calculation:
    """Return the better of both sides of a case as it was told, or what is missing for one."""
    sides = [item for item in (agreement, legal) if item is not None]
    missing = unique(item.question for item in sides if item.question is not None)
    found = Calculation(
        case.calculator,
        case.idcc,
        case.as_of,
        missing=missing,
        legal=None if legal is None else legal.side,
        agreement=None if agreement is None else agreement.side,
    )
    return found if missing else _better(case, found)


def _better(case: Case, both: Calculation) -> Calculation:
    legal, own = both.legal, both.agreement
    decides = _what_decides(legal, own)
    from_agreement = decides in ("agreement_better", "agreement_only", "equal")
    chosen = (own if from_agreement else legal) or Side(Decimal(0), UNIT)
    other = legal if from_agreement else own
    notes = [note for side in (chosen, other) if side for note in side.assumptions]
    no_file = case.idcc is not None and case.book.agreement(case.idcc) is None
    return replace(
        both,
        value=chosen.value,
        unit=chosen.unit,
        source="agreement" if from_agreement else "legal",
        same_as_legal=decides == "equal",
        is_minimum=no_file or (own is not None and own.not_due in _NOT_HELD),
        comparison=decides,
        not_due=chosen.not_due,
        steps=chosen.steps,
        sources=unique((*chosen.sources, *(other.sources if other else ()))),
        assumptions=unique((*notes, *_assumptions(case))),
        warnings=unique(note for side in (legal, own) if side for note in side.warnings),
    )


def _assumptions(case: Case) -> tuple[Note, ...]:
    """Return what is taken for granted since the case does not say it."""
    notes: tuple[Note, ...] = ()
    if case.calculator == "severance_pay":
        notes = assumed(case, "gross_misconduct", "unfitness_work_related")
    if "contract" not in case.facts:
        notes = (Note("assumed_permanent_contract"), *notes)
    if "working_time_periods" not in case.facts:
        notes = (*notes, Note("assumed_same_working_time"))
    return notes


def _what_decides(legal: Side | None, own: Side | None) -> Comparison:
    if own is None:
        return "legal_only"
    if legal is None:
        return "agreement_only"
    given, by_code = _euros(own), _euros(legal)
    if given == by_code:
        return "equal" if given else "legal_only"
    return "agreement_better" if given > by_code else "legal_better"


def _euros(side: Side) -> Decimal:
    return side.value if isinstance(side.value, Decimal) else Decimal(0)
