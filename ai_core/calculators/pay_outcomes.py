"""What the rows of rule files give about pay at the end of a contract, and about seniority."""

from collections.abc import Collection, Mapping
from datetime import date
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ai_core.calculators.absences import AbsenceRule, Per
from ai_core.calculators.formulas import LETTERS, Formula, read_formula
from ai_core.calculators.inputs import ABSENCE_REASONS, INPUTS
from ai_core.calculators.outcomes import Outcome, WrittenNumber

EVERY_OTHER = "every_other"
SALARY_QUANTITIES = (
    *("total", "months", "bonuses", "last3", "last3_months", "last3_bonuses"),
    *("highest_of_last3", "best", "last_month", "last_month_bonus", "notice_bonuses"),
    *("before_notice_total", "before_notice_months"),
    *("before_notice_last_month", "before_notice_last_month_bonus"),
)
"""The quantities of months of pay that formulas of [reference_salary] may use; docs/calculators.md
says what each is."""


def _number_inputs() -> frozenset[str]:
    return frozenset(name for name, item in INPUTS.items() if "number" in item.kinds)


def _formula(names: Collection[str]) -> BeforeValidator:
    def read(written: object) -> Formula:
        if isinstance(written, str):
            return read_formula("C" if written == "code" else written, names)
        raise ValueError("a formula is a text such as '1/4 * S * A'")

    return BeforeValidator(read)


AmountFormula = Annotated[Formula, _formula(LETTERS | _number_inputs())]
SalaryFormula = Annotated[Formula, _formula(frozenset((*SALARY_QUANTITIES, "variable_pay_total")))]


class SeveranceOutcome(Outcome):
    """The amount of a severance, or the reason for which none is due.

    `least` and `most` bound the amount of this row. `replaces_code`: the clause stands in place of
    the Code's indemnity, which is not compared. `doubled`: the amount, rounded to the cent, is paid
    twice. `excludes`: neither the Code nor an agreement gives anything. `not_held`: a former text
    decides that the law of the corpus no longer has.
    """

    amount: AmountFormula | None = None
    not_due: str | None = None
    least: AmountFormula | None = None
    most: AmountFormula | None = None
    doubled: bool = False
    replaces_code: bool = False
    excludes: bool = False
    not_held: bool = False

    @model_validator(mode="after")
    def _one_of_them(self) -> "SeveranceOutcome":
        if [self.amount is not None, self.not_due is not None, self.not_held].count(True) != 1:
            raise ValueError(
                "a row has amount = '1/4 * S * A', not_due = 'reason' or not_held = true"
            )
        return self


class AdditionOutcome(Outcome):
    """What is added to a severance where the conditions hold."""

    amount: AmountFormula


class MultiplierOutcome(Outcome):
    """By how much a severance is multiplied where the conditions hold."""

    by: WrittenNumber


class PayOptions(Outcome):
    """What [severance_pay] or [mutual_termination_pay] says for all its rows.

    `least` and `most` bound the amount, additions included. `reasons`: each is a set of facts, one
    kind of dismissal, that the severance is computed with; the lowest amount that is not zero
    counts. `none`: the Code alone applies.
    """

    least: AmountFormula | None = None
    most: AmountFormula | None = None
    reasons: tuple[dict[str, bool | str], ...] = Field(default=(), strict=False)
    none: bool = False


class SalaryOutcome(Outcome):
    """The reference salary by its formula; `per` says whether it is a month's or a year's.

    `with_notice`: the months of the notice come first among those the formula looks at.
    """

    amount: SalaryFormula
    with_notice: bool = False
    per: Literal["month", "year"] = "month"


def _months(written: object) -> Fraction:
    if isinstance(written, int | float | str) and not isinstance(written, bool):
        return Fraction(str(written).replace(" ", ""))
    raise ValueError("a number of months, such as 6 or '1/2'")


WrittenMonths = Annotated[Fraction, BeforeValidator(_months)]


class WrittenAbsenceRule(BaseModel):
    """How much of an absence is taken off the seniority, as rule files write it.

    `counts` says how much counts off: what lies beyond `beyond_months`; or all of it once the
    months are more than `whole_beyond_months`, or reach `whole_from_months`.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, strict=True
    )
    counts: Literal["full", "half", "none"] = "full"
    beyond_months: WrittenMonths | None = None
    whole_beyond_months: WrittenMonths | None = None
    whole_from_months: WrittenMonths | None = None
    per: Per = "absence"
    kept_per_absence_months: WrittenMonths | None = None

    @model_validator(mode="after")
    def _one_threshold(self) -> "WrittenAbsenceRule":
        given = [self.beyond_months, self.whole_beyond_months, self.whole_from_months]
        if sum(threshold is not None for threshold in given) > 1:
            raise ValueError("one of beyond_months, whole_beyond_months, whole_from_months")
        return self

    def rule(self) -> AbsenceRule:
        """Return it as it is applied."""
        from_months = self.whole_from_months
        whole = self.whole_beyond_months if from_months is None else from_months
        return AbsenceRule(
            share=_SHARES[self.counts],
            threshold=self.beyond_months if whole is None else whole,
            per=self.per,
            whole=whole is not None,
            reached=from_months is not None,
            kept_per_absence=self.kept_per_absence_months,
        )


_SHARES: Mapping[str, Fraction] = {
    "full": Fraction(1),
    "half": Fraction(1, 2),
    "none": Fraction(0),
}


def _absence_rule(written: object) -> AbsenceRule:
    given = {"counts": written} if isinstance(written, str) else written
    return WrittenAbsenceRule.model_validate(given).rule()


def _known_reasons(rules: Mapping[str, AbsenceRule]) -> Mapping[str, AbsenceRule]:
    for reason in rules:
        if reason not in (*ABSENCE_REASONS, EVERY_OTHER):
            raise ValueError(f"{reason} is no reason of an absence: {', '.join(ABSENCE_REASONS)}")
    return rules


WrittenAbsences = Annotated[
    dict[str, Annotated[AbsenceRule, BeforeValidator(_absence_rule)]],
    AfterValidator(_known_reasons),
]


class Split(BaseModel):
    """Time before a date counts apart: `earlier` names its years, for formulas.

    The date is that of the input `at`, or `on`. `half_years`: all of the time stays, and the
    half-years completed before and since get the names `earlier` and `later`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    at: str | None = None
    on: date | None = None
    earlier: str
    later: str | None = None
    half_years: bool = False

    @model_validator(mode="after")
    def _complete(self) -> "Split":
        if (self.at is None) == (self.on is None):
            raise ValueError("a split has at = an input, or on = a date")
        if self.half_years != (self.later is not None):
            raise ValueError("half_years = true needs later = the name of those since")
        return self


class ExtraTime(BaseModel):
    """Time that counts more: `share` of it is added where one of the inputs `when_any` is true.

    It begins on the date of the input `since`, or with the contract (also where `always` is true),
    and not before `not_before`.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, strict=True
    )
    share: WrittenNumber
    when_any: tuple[str, ...] = Field(strict=False)
    since: str
    always: str | None = None
    not_before: date | None = None


class SeniorityOutcome(Outcome):
    """How seniority is counted; what is left out is counted as the Code counts it."""

    absences: WrittenAbsences = Field(default_factory=dict)
    end_day_included: bool = True
    counted_in: Literal["months", "days"] = "months"
    rounding: Literal["whole_months", "nearest_month", "whole_years_from_one", "years_begun"] = (
        "whole_months"
    )
    right_at: Literal["notice_date", "exit_date"] = "notice_date"
    split: Split | None = None
    extra_time: ExtraTime | None = None
