"""Computes what a conversation asks for: agreement, inputs, calculation, what to ask."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol

from ai_core.answering.calculation.filling import Inputs
from ai_core.answering.calculation.inputs import inputs_of_case
from ai_core.answering.calculation.spoken_trades import as_told, told_in_french
from ai_core.answering.understanding.cases.thread import CaseAsked
from ai_core.calculators.catalogue import CALCULATORS, Calculator, choices_of, compute
from ai_core.calculators.records import NO_HOURS, NOT_DUE, Calculation, Question
from ai_core.calculators.rulebook import RuleBook
from ai_core.errors import RuleWithheld, WrongInputs
from ai_core.law.records import Agreement, AgreementMatch
from ai_core.law.source import LawSource

UNSAID_NOTICE = "notice"
"""A notice is asked for, but not of which end of the contract."""
ENDING = "ending"
_OF_SERVICE = {
    *("seniority_years", "right_seniority_years", "seniority_months", "entry_date"),
    *("legal_seniority_band", "seniority_band"),
}
_MEASURES = frozenset(
    {
        *("seniority_years", "seniority_months", "entry_date", "legal_reference_salary"),
        *("salaries", "total_gross_pay", "overtime_hours", "weekly_hours", "hourly_pay"),
        *(
            "worked_months",
            "leave_days_taken",
            "contract_months",
            "contract_weeks",
            "start_date",
            "absences",
        ),
    }
)
_OF_PAY = {"reference_salary", "legal_reference_salary", "salaries"}


class RulesInUse(Protocol):
    """The rule files, without what the law in service no longer says."""

    async def current(self) -> RuleBook:
        """Return them. Raises CorpusMissing, QueueFull."""
        ...


@dataclass(frozen=True, slots=True)
class Computed:
    """What was computed for a message, or what must be asked first.

    `calculation` None: nothing could be; `question` then says what to ask.
    """

    asked: CaseAsked
    inputs: Inputs
    match: AgreementMatch | None = None
    calculation: Calculation | None = None
    question: Question | None = None
    wants_agreement: bool = False

    @property
    def agreement(self) -> Agreement | None:
        """Return the agreement it was computed for."""
        return _agreement_of(self.match)

    @property
    def gives_nothing_without_agreement(self) -> bool:
        """Whether the Code fixes nothing and no agreement is named."""
        found = self.calculation
        if found is None or found.idcc is not None or found.missing:
            return False
        silent = found.calculator in ("resignation_notice", "job_search_hours")
        return silent and found.value in (NO_HOURS, NOT_DUE, None, 0)

    @property
    def told_something(self) -> bool:
        """Whether a measure to compute with was told: a time, a pay, a day."""
        return bool(_MEASURES & self.inputs.values.keys()) or self.asked.replied


class Calculations:
    """Runs the calculators for conversations."""

    def __init__(self, law: LawSource, rules: RulesInUse) -> None:
        self._law = law
        self._rules = rules

    async def of(
        self,
        asked: CaseAsked,
        naming: Sequence[str],
        chosen: str | None,
        as_of: date,
        today: date,
    ) -> Computed | None:
        """Return what is computed for a message; None where no calculator can.

        `naming` are the messages that may name the agreement, the latest first; `chosen` is the
        request's. Raises UnknownAgreement, CorpusMissing, QueueFull.
        """
        match = await self._law.agreement_of([told_in_french(one) for one in naming], chosen)
        if match and match.words:
            match = replace(match, words=as_told(match.words, naming))
        if asked.calculator == UNSAID_NOTICE:
            return Computed(asked, Inputs(), match, question=Question(ENDING))
        wanted = CALCULATORS.get(asked.calculator)
        if wanted is None or (wanted.name == "deadlines" and asked.facts.deadline == "other"):
            return None
        book = await self._rules.current()
        try:
            return await asyncio.to_thread(
                _computed, asked, wanted, match, as_of, today, book
            )  # which reads the agreement's file the first time
        except RuleWithheld:
            return None


def _computed(
    asked: CaseAsked,
    wanted: Calculator,
    match: AgreementMatch | None,
    as_of: date,
    today: date,
    book: RuleBook,
) -> Computed:
    agreement = _agreement_of(match)
    idcc = agreement.idcc if agreement else None
    labels = choices_of(wanted, book, idcc)
    inputs = inputs_of_case(asked, idcc, wanted.inputs, labels, today)
    calculation = _run(wanted.name, idcc, as_of, inputs, book)
    computed = Computed(
        asked,
        inputs,
        match,
        calculation,
        wants_agreement=agreement is None and not _excluded(calculation),
    )
    if calculation.not_due is not None and not calculation.missing:
        return computed
    if inputs.asked_first is not None:
        first = Question(inputs.asked_first, inputs.choices)
        return replace(computed, calculation=None, question=first)
    if calculation.missing:
        return replace(computed, calculation=None, question=calculation.missing[0])
    return computed


def _run(name: str, idcc: str | None, as_of: date, inputs: Inputs, book: RuleBook) -> Calculation:
    """Compute; an input that the calculator refuses is left out, so that it asks for it."""
    try:
        return compute(name, idcc, as_of, inputs.values, book)
    except WrongInputs as wrong:
        refused = {str(fault["field"]).split(".")[1] for fault in wrong.faults}
        for one in refused:
            inputs.values.pop(one, None)
        return compute(name, idcc, as_of, inputs.values, book)


def _excluded(calculation: Calculation) -> bool:
    return calculation.not_due in ("gross_misconduct", "fixed_term_or_temporary_contract")


def _agreement_of(match: AgreementMatch | None) -> Agreement | None:
    return (match.agreement or match.not_held) if match else None


def is_of_service(name: str) -> bool:
    """Whether an input is the time of service, in one form or another."""
    return name in _OF_SERVICE


def is_of_pay(name: str) -> bool:
    """Whether an input is the pay."""
    return name in _OF_PAY
