"""Hours to look for a job as people read them, in the words of a language (`[hours]` of its texts).

The public API prints a short French form; it stays the value, and knows what it was printed from.
"""

from decimal import Decimal
from fractions import Fraction
from typing import Protocol

from ai_core.calculators.outcomes import Alternative, HoursOutcome

_SECTION = "hours"
_DAY_UNITS = {None: "jours", "ouvré": "jours ouvrés", "ouvrable": "jours ouvrables"}


class PrintedHours(str):
    """Hours as the API prints them, and the outcome they were printed from."""

    outcome: HoursOutcome

    def __new__(cls, text: str, outcome: HoursOutcome) -> "PrintedHours":
        """Return the text with its outcome."""
        printed = super().__new__(cls, text)
        printed.outcome = outcome
        return printed


class HoursWords(Protocol):
    """The words of one language."""

    def text(self, section: str, key: str, **facts: str) -> str:
        """Return a text with its placeholders filled."""
        ...

    def quantity(self, amount: Decimal, unit: str) -> str:
        """Return a number with its unit."""
        ...

    def percent(self, share: Fraction) -> str:
        """Return a share as a percentage."""
        ...


def hours_in_words(outcome: HoursOutcome, words: HoursWords) -> str:
    """Return hours to look for a job in words."""
    return _Hours(outcome, words).said()


class _Hours:
    """One outcome being said."""

    def __init__(self, outcome: HoursOutcome, words: HoursWords) -> None:
        self._outcome = outcome
        self._words = words

    def _say(self, key: str, **facts: str) -> str:
        return self._words.text(_SECTION, key, **facts)

    def said(self) -> str:
        """Return the whole: the amount, how long, up to what, and on which conditions."""
        outcome = self._outcome
        said = self._per(self._amount())
        if outcome.other is not None:
            said = self._say("or", one=said, other=self._alternative(outcome.other))
        if outcome.or_hours:
            said = self._say("or_as_many_hours", amount=said)
        said = self._lasting(said)
        if outcome.maximum:
            said = self._say("at_most", amount=said)
        if outcome.cap_hours is not None:
            cap = self._limit(outcome.cap_hours)
            key = f"capped_{outcome.cap_per}" if outcome.cap_per else "capped"
            said = self._say(key, amount=said, cap=cap)
        for mark in self._marks():
            said = self._say("with_mark", amount=said, mark=mark)
        return said

    def _marks(self) -> list[str]:
        outcome = self._outcome
        marks = (
            ("prorata contract hours", outcome.prorata_contract_hours),
            ("part time: prorata", outcome.part_time_prorata),
            (outcome.condition or "", outcome.condition is not None),
        )
        return [self._words.text("marks", mark) for mark, shown in marks if shown]

    def _amount(self) -> str:
        outcome = self._outcome
        if outcome.percent is not None and outcome.of is not None:
            share = self._words.percent(Fraction(str(outcome.percent)) / 100)
            return self._say(outcome.of, percent=share)
        if outcome.hours is not None:
            return self._limit(outcome.hours)
        if outcome.days is None:
            return self._say("time_off")
        return self._days(outcome.days, outcome.half_days, outcome.day_kind)

    def _limit(self, hours: float | str) -> str:
        if not isinstance(hours, str):
            return self._quantity(hours, "heures")
        basis = self._outcome.basis
        if basis is None:
            return self._say("weekly_working_time")
        return self._say("weekly_working_time_of", basis=self._words.text("marks", basis))

    def _quantity(self, amount: float, unit: str) -> str:
        return self._words.quantity(Decimal(str(amount)), unit)

    def _days(self, days: float | None, half_days: float | None, day_kind: str | None) -> str:
        parts = []
        if days is not None:
            parts.append(self._quantity(days, _DAY_UNITS.get(day_kind, "jours")))
        if half_days is not None:
            parts.append(self._quantity(half_days, "demi-journées"))
        return parts[0] if len(parts) == 1 else self._say("or", one=parts[0], other=parts[1])

    def _per(self, amount: str) -> str:
        outcome = self._outcome
        if outcome.per in (None, "total") or outcome.of is not None:
            return amount
        key = f"per_{outcome.per}"
        named = outcome.day_kind if outcome.max_days is None else None
        if outcome.per == "day" and outcome.hours is not None and named is not None:
            key = f"per_day_{named}"
        if outcome.of_notice and outcome.per == "month":
            key = "per_month_of_notice"
        return self._say(key, amount=amount)

    def _lasting(self, said: str) -> str:
        outcome = self._outcome
        if outcome.max_days is not None:
            length = self._days(outcome.max_days, None, outcome.day_kind)
            said = self._say("for", amount=said, length=length)
        if outcome.max_months is not None:
            key = "for_at_most" if outcome.months_are_maximum else "for"
            said = self._say(key, amount=said, length=self._quantity(outcome.max_months, "mois"))
        return said

    def _alternative(self, other: Alternative) -> str:
        amount = (
            self._quantity(other.hours, "heures")
            if other.hours is not None
            else self._days(other.days, other.half_days, None)
        )
        return amount if other.per == "total" else self._say(f"per_{other.per}", amount=amount)
