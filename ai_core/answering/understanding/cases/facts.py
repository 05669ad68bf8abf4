"""The facts of a case that calculators need, and how those of several messages become one case.

A fact is kept as precisely as it was told: a year alone stays a year. What may be two things, or
has two values in one message, is no fact.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from typing import Literal

from ai_core.answering.understanding.cases.ages import with_years_told
from ai_core.answering.understanding.cases.working_times import (
    PayBasis,
    WorkingTimeTold,
    merged_periods,
)

Contract = Literal["CDI", "CDD", "CTT"]
Ending = Literal[
    "dismissal",
    "resignation",
    "mutual_termination",
    "retirement",
    "trial_period",
    "end_of_contract",
]


@dataclass(frozen=True, slots=True)
class AbsenceTold:
    """An absence: its reason and how many months it lasted."""

    reason: str
    months: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFacts:
    """What was told of a case; None: nothing was. Months, euros and hours are exact.

    `entry`, `notice`, `exit` and `signed` are days as precise as they were written ("2019",
    "2019-03", "2019-03-15"). `seniority_bound` says that the seniority is only a bound ("moins de
    six mois"); `gross_said` that the pay was called gross. `deadline` is a time limit by the name
    that the calculator gives it, "challenge" where it contests the end of the contract, "other"
    where no calculator has it. `fixed_term_type` is a kind of contract without a bonus, in the
    words of the Code's rules. `absences` None: nothing was told. `years_unclear` are years that may
    be an age as well as a service. `working_times` are stretches at shares of full time, in the
    order of time; `pay_basis` says which of them the pay is of.
    """

    seniority_months: Fraction | None = None
    seniority_bound: Literal["under", "over"] | None = None
    entry: str | None = None
    notice: str | None = None
    exit: str | None = None
    signed: str | None = None
    gross_monthly: Fraction | None = None
    gross_said: bool | None = None
    net_monthly: Fraction | None = None
    gross_yearly: Fraction | None = None
    gross_hourly: Fraction | None = None
    gross_total: Fraction | None = None
    yearly_bonus: Fraction | None = None
    minimum_wage: bool | None = None
    age: int | None = None
    years_unclear: int | None = None
    category: str | None = None
    level: str | None = None
    group: str | None = None
    coefficient: str | None = None
    position: str | None = None
    step: str | None = None
    class_: str | None = None
    contract: Contract | None = None
    fixed_term_type: str | None = None
    contract_months: Fraction | None = None
    contract_weeks: Fraction | None = None
    ending: Ending | None = None
    gross_misconduct: bool | None = None
    economic_dismissal: bool | None = None
    unfitness: Literal["work", "other", "unknown"] | None = None
    disabled_worker: bool | None = None
    working_time: Literal["part_time", "day_rate"] | None = None
    working_times: tuple[WorkingTimeTold, ...] | None = None
    pay_basis: PayBasis | None = None
    deadline: str | None = None
    hired_permanently: bool | None = None
    permanent_offer_refused: bool | None = None
    ended_in_trial_period: bool | None = None
    retirement_by_employer: bool | None = None
    ended_by_employer: bool | None = None
    renewal: bool | None = None
    overtime_hours: Fraction | None = None
    weekly_hours: Fraction | None = None
    worked_months: Fraction | None = None
    worked_weeks: Fraction | None = None
    leave_days: Fraction | None = None
    absences: tuple[AbsenceTold, ...] | None = field(default=None)

    def updated(self, later: "CaseFacts") -> "CaseFacts":
        """Return the case after a later message, whose facts replace those told before."""
        told = {item.name: getattr(later, item.name) for item in fields(later)}
        told = {name: value for name, value in told.items() if value is not None}
        told |= with_years_told(told, self.years_unclear)
        if later.working_times is not None:
            told["working_times"] = merged_periods(self.working_times, later.working_times)
        cleared = {other for name in told for other in _REPLACED.get(name, ()) if other not in told}
        return replace(self, **dict.fromkeys(cleared), **told)

    def known(self) -> frozenset[str]:
        """Return the names of the facts that were told."""
        return frozenset(item.name for item in fields(self) if getattr(self, item.name) is not None)


_PAY = ("gross_monthly", "net_monthly", "gross_yearly", "gross_hourly", "minimum_wage")
_REPLACED: dict[str, tuple[str, ...]] = {
    "seniority_months": ("entry", "exit", "notice", "seniority_bound", "years_unclear"),
    "entry": ("seniority_months", "seniority_bound", "years_unclear"),
    "age": ("years_unclear",),
    "overtime_hours": ("weekly_hours",),
    "weekly_hours": ("overtime_hours",),
    "worked_months": ("worked_weeks",),
    "contract_months": ("contract_weeks",),
    "contract_weeks": ("contract_months",),
    "worked_weeks": ("worked_months",),
    **{name: tuple(other for other in (*_PAY, "gross_said") if other != name) for name in _PAY},
}
"""What a fact of a later message puts out of date."""

NOTHING_TOLD = CaseFacts()


def merged_cases(cases: Iterable[CaseFacts]) -> CaseFacts:
    """Return the case told by messages, oldest first."""
    whole = NOTHING_TOLD
    for one in cases:
        whole = whole.updated(one)
    return whole
