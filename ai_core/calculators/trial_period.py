"""The longest trial period, with its last day, and the notice to end it.

Articles L1221-19 to L1221-26 for permanent contracts, L1242-10 for fixed-term ones, L1251-14 for
temporary work. It is counted in calendar days and is not carried over (Cass. soc., 28 April 2011,
no. 09-40.464).
"""

import math
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

from ai_core.calculators.code_outcomes import TrialOutcome
from ai_core.calculators.dates import DAYS_PER_MONTH, add_months, day_after, whole_months
from ai_core.calculators.durations import Duration
from ai_core.calculators.inputs import Answer, Facts
from ai_core.calculators.records import (
    Calculation,
    LegalSource,
    Note,
    Question,
    Side,
    Step,
    decimal,
)
from ai_core.calculators.rulebook import Case, Ruling, assumed, rule_of_code, warnings_of
from ai_core.calculators.sides import of_code

_NOTICE = "trial_period_notice"
_DAYS_PER_WEEK = 7
_MONTHS, _WEEKS, _CALENDAR_DAYS = "mois", "semaines", "jours calendaires"


def calculate(case: Case) -> Calculation:
    """Return the longest trial period; with who ends it, the notice to give. Raises
    RuleWithheld.
    """
    if "trial_end_initiator" in case.facts:
        return _notice(case)
    told = case
    case = case.with_facts(_with_length_of_contract({"renewed": False, **case.facts}))
    ruling = rule_of_code(case)
    if ruling.question is not None:
        return of_code(case, missing=(ruling.question,))
    if ruling.row is None:
        raise ValueError("the Code has a row for every contract")
    length, steps = _length(case.facts, ruling.row.outcome, ruling)
    length, shortened, sources = _less_internship(case, length)
    end = _last_day(case.facts, length)
    return of_code(
        told,
        Side(
            decimal(length.amount),
            length.unit,
            steps=(*steps, *shortened, *end),
            sources=(*ruling.sources, *sources),
        ),
        warnings=(Note("trial_period_must_be_written"), *warnings_of(case, ruling)),
        assumptions=assumed(told, "renewed") if case.facts.get("contract") == "CDI" else (),
    )


def _with_length_of_contract(facts: dict[str, Answer]) -> dict[str, Answer]:
    """Add the length of a contract whose weeks, or whose first and last day, are known."""
    weeks = facts.get("contract_weeks")
    if isinstance(weeks, Fraction):
        facts.setdefault("contract_months", weeks * _DAYS_PER_WEEK / DAYS_PER_MONTH)
    entry, end = facts.get("entry_date"), facts.get("exit_date")
    if isinstance(entry, date) and isinstance(end, date):
        after = day_after(end)
        months = whole_months(entry, after)
        rest = (after - add_months(entry, months)).days
        facts.setdefault("contract_months", months + rest / DAYS_PER_MONTH)
        facts.setdefault("contract_weeks", Fraction((after - entry).days, _DAYS_PER_WEEK))
    return facts


def _length(
    facts: Facts, outcome: TrialOutcome, ruling: Ruling
) -> tuple[Duration, tuple[Step, ...]]:
    length = outcome.value
    if length is None:
        length = _by_week(facts, outcome)
    key = "trial_with_renewal" if facts.get("renewed") is True else "trial_at_most"
    step = Step(key, {}, decimal(length.amount), length.unit, ruling.source_id)
    return length, (step,)


def _by_week(facts: Facts, outcome: TrialOutcome) -> Duration:
    """Return a day for each week of the contract, up to what the law allows."""
    weeks, months = facts.get("contract_weeks"), facts.get("contract_months")
    if not isinstance(weeks, Fraction):
        given = months if isinstance(months, Fraction) else Fraction(0)
        weeks = given * DAYS_PER_MONTH / _DAYS_PER_WEEK
    most = outcome.most or Duration(Fraction(0), _CALENDAR_DAYS)
    days = Fraction(math.floor(weeks) * (outcome.days_per_week or 0))
    by_week = Duration(days, _CALENDAR_DAYS)
    return by_week if by_week.days < most.days else most


def _less_internship(
    case: Case, length: Duration
) -> tuple[Duration, tuple[Step, ...], tuple[LegalSource, ...]]:
    """Take an internship of the last year of studies off (L1221-24): half of the trial at most,
    all of it where the job is the one of the internship.
    """
    months = case.facts.get("internship_months")
    if not isinstance(months, Fraction) or not months or length.unit != _MONTHS:
        return length, (), ()
    same_job = case.facts.get("internship_in_same_job") is True
    most = length.amount if same_job else length.amount / 2
    name = "internship_taken_off_whole" if same_job else "internship_taken_off_half"
    source = case.book.code.source(name)
    shorter = replace(length, amount=length.amount - min(months, most))
    step = Step(name, {"months": min(months, most)}, decimal(shorter.amount), _MONTHS, source.id)
    return shorter, (step,), (source,)


def _last_day(facts: Facts, length: Duration) -> tuple[Step, ...]:
    entry = facts.get("entry_date")
    if not isinstance(entry, date) or not length.amount:
        return ()
    if length.unit == _MONTHS:
        whole = math.floor(length.amount)
        rest = int((length.amount - whole) * DAYS_PER_MONTH)
        after = add_months(entry, whole) + timedelta(days=rest)
    else:
        after = entry + timedelta(days=math.floor(length.days))
    last = after - timedelta(days=1)
    return (Step("trial_last_day", {"start": entry, "last": last}),)


def _notice(case: Case) -> Calculation:
    ruling = rule_of_code(case.with_facts(_with_presence(case.facts)), _NOTICE)
    if ruling.question is not None:
        asked = ruling.question
        presence = Question("presence_days") if asked.input == "presence_months" else asked
        return of_code(case, missing=(presence,))
    if ruling.row is None:
        raise ValueError("the Code has a row for every presence")
    length: Duration = ruling.row.outcome.value
    value = decimal(length.amount)
    step = Step("trial_notice", {}, value, length.unit, ruling.source_id)
    return of_code(
        case,
        Side(value, length.unit, steps=(step,), sources=ruling.sources),
        warnings=warnings_of(case, ruling),
    )


def _with_presence(facts: Facts) -> Facts:
    """Add the presence in days and in whole months."""
    entry, day, days = (
        facts.get("entry_date"),
        facts.get("notice_date"),
        facts.get("presence_days"),
    )
    if isinstance(entry, date) and isinstance(day, date):
        return {
            **facts,
            "presence_days": Fraction((day - entry).days),
            "presence_months": Fraction(whole_months(entry, day)),
        }
    if isinstance(days, Fraction):
        return {**facts, "presence_months": Fraction(math.floor(days / DAYS_PER_MONTH))}
    return facts
