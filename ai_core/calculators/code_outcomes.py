"""What the rows of the Code's own tables give: public holidays, deadlines, trial periods."""

import re
from datetime import date, timedelta
from typing import Annotated, Literal

from dateutil.easter import easter
from pydantic import AfterValidator, model_validator

from ai_core.calculators.outcomes import Outcome, WrittenDuration

_MONTH_DAY = re.compile(r"(\d\d)-(\d\d)")


def _month_day(written: str) -> str:
    if not _MONTH_DAY.fullmatch(written):
        raise ValueError("a day of the year is written '07-14'")
    date.fromisoformat(f"2000-{written}")
    return written


class HolidayOutcome(Outcome):
    """A public holiday: a day of the year ("07-14"), or so many days after Easter Sunday."""

    day: Annotated[str, AfterValidator(_month_day)] | None = None
    days_after_easter: int | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "HolidayOutcome":
        if (self.day is None) == (self.days_after_easter is None):
            raise ValueError("a row has day = '07-14' or days_after_easter = 1")
        return self

    def of(self, year: int) -> date:
        """Return the day on which it falls in a year."""
        if self.day is not None:
            return date.fromisoformat(f"{year:04}-{self.day}")
        sunday: date = easter(year)
        return sunday + timedelta(days=self.days_after_easter or 0)


class DeadlineOutcome(Outcome):
    """A time limit, from the day of an event, which does not count itself.

    `carried_over`: one that ends on a Saturday, a Sunday or a public holiday ends on the next
    working day. `gives` the last day to act, or the first day on which one may.
    """

    months: int | None = None
    calendar_days: int | None = None
    working_days: int | None = None
    carried_over: bool = False
    gives: Literal["last_day", "first_day"] = "last_day"

    @model_validator(mode="after")
    def _one_length(self) -> "DeadlineOutcome":
        given = [self.months, self.calendar_days, self.working_days]
        if sum(length is not None for length in given) != 1:
            raise ValueError("a row has one of months, calendar_days and working_days")
        return self


class TrialOutcome(Outcome):
    """The longest trial period: a length, or a day for each week of the contract, up to `most`."""

    value: WrittenDuration | None = None
    days_per_week: int | None = None
    most: WrittenDuration | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "TrialOutcome":
        if (self.value is None) == (self.days_per_week is None):
            raise ValueError("a row has value = '2 mois', or days_per_week = 1 and most")
        if (self.most is None) != (self.days_per_week is None):
            raise ValueError("most = '2 semaines' goes with days_per_week")
        return self
