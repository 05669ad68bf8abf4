"""Time limits with their exact last day: to withdraw, to contest, to claim (rules: [deadlines]).

The day of the event does not count. Months end on the day of the same number (article R1332-3, code
de procédure civile, article 641). A limit of the title on the end of contracts that ends on a
Saturday, a Sunday or a holiday ends on the next working day (R1231-1); one of limitation does not.
"""

from datetime import date, timedelta

from ai_core.calculators.code_outcomes import DeadlineOutcome
from ai_core.calculators.dates import add_months, day_after
from ai_core.calculators.holidays import (
    IsHoliday,
    carried_over,
    holiday_test,
    working_days_later,
)
from ai_core.calculators.inputs import Facts
from ai_core.calculators.records import Calculation, Note, Question, Side, Step
from ai_core.calculators.rulebook import Case, assumed, rule_of_code, warnings_of
from ai_core.calculators.sides import of_code

DATE = "date"


def calculate(case: Case) -> Calculation:
    """Return the day on which a time limit ends, or from which one may act. Raises RuleWithheld."""
    ruling = rule_of_code(case)
    start = case.facts.get("start_date")
    if ruling.question is not None:
        return of_code(case, missing=(ruling.question,))
    if not isinstance(start, date):
        return of_code(case, missing=(Question("start_date"),))
    outcome: DeadlineOutcome = ruling.row.outcome if ruling.row else DeadlineOutcome(months=0)
    is_holiday = holiday_test(alsace_moselle=case.facts.get("alsace_moselle") is True)
    end = _end(outcome, start, is_holiday)
    last = carried_over(end, is_holiday) if outcome.carried_over else end
    day = last if outcome.gives == "last_day" else day_after(last)
    steps = [
        Step(f"starts_{case.facts.get('deadline')}", {"start": start}, source=ruling.source_id),
        Step(_length_key(outcome), {"count": _length(outcome), "end": end}),
    ]
    if last != end:
        steps.append(Step("carried_over", {"end": end, "last": last}))
    steps.append(Step(outcome.gives, {}, day.isoformat(), DATE, ruling.source_id))
    return of_code(
        case,
        Side(day.isoformat(), DATE, steps=tuple(steps), sources=ruling.sources),
        warnings=(*warnings_of(case, ruling), *_passed(case, day, outcome)),
        assumptions=_assumptions(case.facts, outcome, case),
    )


def _length(outcome: DeadlineOutcome) -> int:
    return outcome.months or outcome.calendar_days or outcome.working_days or 0


def _length_key(outcome: DeadlineOutcome) -> str:
    if outcome.months is not None:
        return "counted_in_months"
    return "counted_in_days" if outcome.calendar_days is not None else "counted_in_working_days"


def _end(outcome: DeadlineOutcome, start: date, is_holiday: IsHoliday) -> date:
    if outcome.months is not None:
        return add_months(start, outcome.months)
    if outcome.calendar_days is not None:
        return start + timedelta(days=outcome.calendar_days)
    return working_days_later(start, outcome.working_days or 0, is_holiday)


def _passed(case: Case, day: date, outcome: DeadlineOutcome) -> tuple[Note, ...]:
    over = outcome.gives == "last_day" and day < case.as_of
    return (Note("deadline_passed", {"last": day}),) if over else ()


def _assumptions(facts: Facts, outcome: DeadlineOutcome, case: Case) -> tuple[Note, ...]:
    """Name the region only where its holidays may count."""
    counts = outcome.carried_over or outcome.working_days is not None
    return assumed(case, "alsace_moselle") if counts and "alsace_moselle" not in facts else ()
