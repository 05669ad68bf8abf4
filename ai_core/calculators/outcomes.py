"""What the rows of rule files give, one model for each kind of section."""

from fractions import Fraction
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ai_core.calculators.durations import Duration, read_duration
from ai_core.calculators.formulas import Formula


def _text(written: object, example: str) -> str:
    if isinstance(written, str):
        return written
    raise ValueError(f"a text such as {example!r} is expected")


def _duration(written: object) -> Duration:
    return read_duration(_text(written, "2 mois"))


def _fraction(written: object) -> Fraction:
    return Fraction(_text(written, "6/100").replace(" ", ""))


WrittenDuration = Annotated[Duration, BeforeValidator(_duration)]
WrittenNumber = Annotated[Fraction, BeforeValidator(_fraction)]


class Outcome(BaseModel):
    """What a row gives; the keys of a row that are not inputs."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, strict=True
    )
    may_lack_clause: ClassVar[bool] = False

    @classmethod
    def keys(cls) -> set[str]:
        """Return the keys as rule files write them."""
        return {item.alias or name for name, item in cls.model_fields.items()}

    def numbers(self) -> tuple[str, ...]:
        """Return the names of the numbers its formulas use."""
        formulas = [value for _, value in self if isinstance(value, Formula)]
        return tuple(name for formula in formulas for name in formula.names)


class NoticeOutcome(Outcome):
    """The length of a notice; `none`: the agreement fixes none for these cases.

    `maximum`: the longest the clause allows, where `value` is the shortest. `replaces_code`: the
    clause applies whatever the Code gives, since the Code does not reach these employees.
    """

    value: WrittenDuration | None = None
    qualifier: str | None = None
    maximum: WrittenDuration | None = None
    doubled_when_disabled: bool | None = None
    replaces_code: bool = False
    none: bool = False

    @model_validator(mode="after")
    def _one_of_both(self) -> "NoticeOutcome":
        if (self.value is None) != self.none:
            raise ValueError("a row has a value (value = '2 mois') or none = true")
        return self


Per = Literal["day", "week", "two_weeks", "month", "total"]
DayKind = Literal["worked", "ouvré", "ouvrable", "practice_open"]


class Alternative(BaseModel):
    """The other way in which hours may be taken: `or = { days = 1, per = "week" }`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    hours: int | None = None
    days: int | None = None
    half_days: int | None = None
    per: Per


class HoursOutcome(Outcome):
    """Hours to look for a job; the names are those of `terms` and `conditions` in results.

    Only the printed value has `months_are_maximum` ("pendant 2 mois max"), `of_notice` ("/mois de
    préavis") and `or_hours` (", ou équivalent en heures").
    """

    hours: int | float | Literal["weekly_working_time"] | None = None
    days: int | float | None = None
    half_days: int | None = None
    percent: int | float | None = None
    of: Literal["daily_working_time", "weekly_contract_hours"] | None = None
    per: Per | None = None
    day_kind: DayKind | None = None
    basis: Literal["contract", "establishment"] | None = None
    maximum: bool = False
    max_days: int | None = None
    max_months: int | float | None = None
    months_are_maximum: bool = True
    cap_hours: int | float | Literal["weekly_working_time"] | None = None
    cap_per: Per | None = None
    of_notice: bool = False
    or_hours: bool = False
    other: Alternative | None = Field(default=None, alias="or")
    condition: str | None = None
    part_time_prorata: bool = False
    prorata_contract_hours: bool = False
    part_time_minimum_hours_per_week: int | None = None
    paid: bool | None = None
    paid_up_to_hours: int | None = None
    chosen_alternately: bool | None = None
    can_be_grouped: bool | None = None
    ends_when_job_found: bool | None = None
    unused_hours_unpaid: bool | None = None
    none: bool = False

    @model_validator(mode="after")
    def _gives_something(self) -> "HoursOutcome":
        gives = any(amount is not None for amount in (self.hours, self.days, self.percent))
        if self.none == (gives or self.condition is not None):
            raise ValueError("a row has hours, days, percent or a condition alone, or none = true")
        if self.max_days is not None and (self.per != "day" or self.day_kind is None):
            raise ValueError("max_days counts days of a day_kind, with per = 'day'")
        if gives and self.per is None:
            raise ValueError("per = 'day', 'week', 'two_weeks', 'month' or 'total' is missing")
        return self


class BonusOutcome(Outcome):
    """The rate of the bonus on all gross pay; `not_due`: the reason for which none is due."""

    rate: WrittenNumber | None = None
    not_due: str | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "BonusOutcome":
        if (self.rate is None) == (self.not_due is None):
            raise ValueError("a row has rate = '6/100' or not_due = 'reason'")
        return self


class WarningOutcome(Outcome):
    """A warning to show with the result, by its key in texts/calculators."""

    may_lack_clause: ClassVar[bool] = True
    text_key: str
