"""The inputs of the calculators of the Code alone: overtime, leave, trial period, time limits."""

from fractions import Fraction

from ai_core.answering.calculation.filling import (
    HOURS_A_MONTH,
    MONTHS_A_YEAR,
    Filling,
    day_told,
    monthly_gross,
    written,
)
from ai_core.answering.calculation.minimum_wage import minimum_wage
from ai_core.answering.understanding.cases.facts import CaseFacts

_WEEKS_A_PERIOD = 4
"""Four weeks of work count as a month of it for paid leave (Code du travail, L3141-4)."""


def fill_of_the_code(filling: Filling) -> None:
    """Give what overtime, paid leave, the trial period and time limits need."""
    give = {
        "overtime": _overtime,
        "paid_leave": _paid_leave,
        "trial_period": _trial_period,
        "deadlines": _deadline,
    }.get(filling.name)
    if give is not None:
        give(filling)


def _overtime(filling: Filling) -> None:
    facts = filling.facts
    if facts.overtime_hours is not None:
        filling.give("overtime_hours", written(facts.overtime_hours))
    elif facts.weekly_hours is not None:
        filling.give("weekly_hours", written(facts.weekly_hours))
    hourly = facts.gross_hourly
    if hourly is None and facts.minimum_wage and (wage := minimum_wage(filling.today)):
        hourly = wage.hourly_eur
        filling.inputs.assume("minimum_hourly_wage", amount_euros=hourly, day=wage.since)
    if hourly is None and facts.gross_monthly is not None and not facts.working_time:
        hourly = round(facts.gross_monthly / HOURS_A_MONTH, 4)
        filling.inputs.assume("hours_of_full_time", amount_euros=facts.gross_monthly)
    if hourly is not None:
        filling.give("hourly_pay", written(hourly))


def _paid_leave(filling: Filling) -> None:
    facts = filling.facts
    sick, as_work = _absent(facts, "sickness"), _absent(facts, "work_accident")
    months = _months_worked(filling)
    if months is None and facts.entry is None and (sick or as_work):
        months = as_work
        filling.inputs.assume("absence_alone")
    if months is not None:
        filling.give("worked_months", written(months))
        filling.give("sickness_months", written(sick) if sick else None)
    else:
        for role, name in (("entry", "entry_date"), ("exit", "exit_date")):
            day = day_told(filling, getattr(facts, role), role)
            filling.give(name, day.isoformat() if day else None)
    if facts.leave_days is not None:
        filling.give("leave_days_taken", written(facts.leave_days))
        _pay_of_leave(filling, months)


def _months_worked(filling: Filling) -> Fraction | None:
    facts = filling.facts
    if facts.worked_months is not None:
        return facts.worked_months
    if facts.worked_weeks is not None:
        months = Fraction(int(facts.worked_weeks / _WEEKS_A_PERIOD))
        filling.inputs.assume("four_weeks_are_a_month", months=months)
        return months
    if facts.seniority_months is None or facts.seniority_bound:
        return None
    months = min(facts.seniority_months, Fraction(MONTHS_A_YEAR))
    filling.inputs.assume("all_months_worked", months=months)
    return months


def _absent(facts: CaseFacts, reason: str) -> Fraction:
    found = (one.months for one in facts.absences or () if one.reason == reason)
    return sum(found, Fraction(0))


def _pay_of_leave(filling: Filling, months: Fraction | None) -> None:
    monthly = monthly_gross(filling.facts, filling.today, filling.inputs)
    if monthly is None:
        return
    filling.give("monthly_pay", written(monthly))
    if months is not None:
        filling.inputs.assume("same_pay", amount_euros=monthly)
        filling.give("reference_period_pay", written(monthly * months))


def _trial_period(filling: Filling) -> None:
    facts = filling.facts
    filling.give("renewed", facts.renewal)
    if facts.contract_months is not None:
        filling.give("contract_months", written(facts.contract_months))
    if facts.contract_weeks is not None:
        filling.give("contract_weeks", written(facts.contract_weeks))
    entry = day_told(filling, facts.entry, "entry")
    if entry is not None:
        filling.give("entry_date", entry.isoformat())


def _deadline(filling: Filling) -> None:
    facts = filling.facts
    filling.give("deadline", deadline_of(facts))
    start = day_told(filling, facts.signed or facts.notice, "signed" if facts.signed else "notice")
    if start is not None:
        filling.give("start_date", start.isoformat())


def deadline_of(facts: CaseFacts) -> str | None:
    """Return the time limit that the facts speak of, None where they leave it open."""
    if facts.deadline == "challenge":
        if facts.ending == "mutual_termination":
            return "mutual_termination_challenge"
        if facts.ending != "dismissal":
            return None
        economic = facts.economic_dismissal
        return "economic_dismissal_challenge" if economic else "dismissal_challenge"
    return facts.deadline
