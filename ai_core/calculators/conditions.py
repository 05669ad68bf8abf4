"""The conditions of a row: does a case fulfil them, not, or is an input missing to know?

A condition names an input. It holds a label or several (any of them), a boolean, or a comparison
written ">= 2, < 10" on a number or a date. A label of a band also has a meaning in numbers ("Moins
de 2 ans" is "< 24" months): where the case gives the number, it chooses the band, and where the
case gives a band and the row compares the number, the band answers if it lies on one side.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Literal

from ai_core.calculators.inputs import Answer, Facts, plain

Verdict = Literal["yes", "no", "unknown"]

_COMPARISON = re.compile(r"(<=|>=|<|>|=)\s*(\S.*)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True, slots=True)
class Interval:
    """The numbers a comparison accepts; dates are their ordinals. None: no bound on that side."""

    low: Fraction | None = None
    low_included: bool = True
    high: Fraction | None = None
    high_included: bool = True

    def holds(self, number: Fraction) -> bool:
        """Whether the number lies in it."""
        above = self.low is None or number > self.low or (number == self.low and self.low_included)
        below = (
            self.high is None or number < self.high or (number == self.high and self.high_included)
        )
        return above and below

    def within(self, other: "Interval") -> bool:
        """Whether all of it lies in the other."""
        return _low_key(self) >= _low_key(other) and _high_key(self) <= _high_key(other)

    def meets(self, other: "Interval") -> bool:
        """Whether it and the other have a number in common."""
        both = self.and_(other)
        if both.low is None or both.high is None or both.low < both.high:
            return True
        return both.low == both.high and both.low_included and both.high_included

    def and_(self, other: "Interval") -> "Interval":
        """Return what both accept."""
        low = max(self, other, key=_low_key)
        high = min(self, other, key=_high_key)
        return Interval(low.low, low.low_included, high.high, high.high_included)


def _low_key(interval: Interval) -> tuple[bool, Fraction, bool]:
    return interval.low is not None, interval.low or Fraction(0), not interval.low_included


def _high_key(interval: Interval) -> tuple[bool, Fraction, bool]:
    return interval.high is None, interval.high or Fraction(0), interval.high_included


def is_comparison(written: str) -> bool:
    """Whether a string of a rule file is a comparison rather than a label."""
    return bool(_COMPARISON.match(written))


def read_comparison(written: str) -> Interval:
    """Read ">= 2, < 10" or "< 2023-05-01". Raises ValueError."""
    accepted = Interval()
    for part in written.split(","):
        found = _COMPARISON.fullmatch(part.strip())
        if found is None:
            raise ValueError(f"{part.strip()!r} is no comparison: write '>= 2' or '>= 2, < 10'")
        number = _bound(found[2].strip())
        operator = found[1]
        if operator in (">", ">=", "="):
            accepted = accepted.and_(Interval(low=number, low_included=operator != ">"))
        if operator in ("<", "<=", "="):
            accepted = accepted.and_(Interval(high=number, high_included=operator != "<"))
    if not accepted.meets(accepted):
        raise ValueError(f"no number fulfils {written!r}")
    return accepted


def _bound(written: str) -> Fraction:
    if _DATE.fullmatch(written):
        return Fraction(date.fromisoformat(written).toordinal())
    try:
        return Fraction(written.replace(" ", ""))
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{written!r} is neither a number nor a date") from None


@dataclass(frozen=True, slots=True)
class Condition:
    """What a row asks of one input: labels, a boolean or a comparison.

    `bands` are the meanings in numbers of its labels, None for a label without one.
    """

    input: str
    labels: tuple[str, ...] = ()
    boolean: bool | None = None
    interval: Interval | None = None
    bands: tuple[Interval | None, ...] = ()

    def verdict(self, facts: Facts, bands: "Bands") -> Verdict:
        """Return whether the case fulfils it."""
        answer = facts.get(self.input)
        if answer is None:
            answer = bands.number_behind(self.input, facts)
        if answer is None:
            return self._by_band(facts, bands)
        if isinstance(answer, bool) or self.boolean is not None:
            return self._by_boolean(answer)
        if isinstance(answer, str):
            return self._by_label(answer, bands)
        number = as_number(answer)
        return "unknown" if number is None else self._by_number(number)

    def _by_boolean(self, answer: Answer) -> Verdict:
        return "yes" if answer is self.boolean else "no"

    def _by_label(self, answer: str, bands: "Bands") -> Verdict:
        if self.labels:
            wanted = plain(answer)
            return "yes" if any(plain(label) == wanted for label in self.labels) else "no"
        given = bands.meaning(self.input, answer)
        return "unknown" if given is None else self._by_interval(given)

    def _by_number(self, number: Fraction) -> Verdict:
        if self.interval is not None:
            return "yes" if self.interval.holds(number) else "no"
        for label, band in zip(self.labels, self.bands, strict=True):
            if band.holds(number) if band is not None else _is_number(label, number):
                return "yes"
        return "no"

    def _by_band(self, facts: Facts, bands: "Bands") -> Verdict:
        """Answer from another band that the case gives, where it lies on one side."""
        given = bands.band_given_for(self.input, facts)
        return "unknown" if given is None else self._by_interval(given)

    def _by_interval(self, given: Interval) -> Verdict:
        accepted = [self.interval] if self.interval is not None else list(self.bands)
        known = [interval for interval in accepted if interval is not None]
        if any(given.within(interval) for interval in known):
            return "yes"
        if len(known) < len(accepted) or any(given.meets(interval) for interval in known):
            return "unknown"
        return "no"


def _is_number(label: str, number: Fraction) -> bool:
    return label.strip().isdecimal() and Fraction(label.strip()) == number


def as_number(answer: Answer) -> Fraction | None:
    """Return a number as it is and a date as its ordinal; None for what is neither."""
    if isinstance(answer, Fraction):
        return answer
    return Fraction(answer.toordinal()) if isinstance(answer, date) else None


_BEHIND: Mapping[str, str] = {
    "seniority_band": "seniority_months",
    "legal_seniority_band": "seniority_months",
    "age_band": "age",
    "notice_length_band": "notice_length_days",
    "contract_date_band": "entry_date",
}
"""The input whose number stands behind a band."""
_AFTER_2019 = date(2019, 7, 2)
"""Stands for every contract later than 1 July 2019: no agreement changes by contract date later."""
_IN_FRONT: Mapping[str, tuple[str, ...]] = {
    "seniority_months": ("seniority_band", "legal_seniority_band"),
    "legal_seniority_band": ("seniority_band",),
    "seniority_band": ("legal_seniority_band",),
    "age": ("age_band",),
}
"""The bands that tell something of an input that is not given."""


@dataclass(frozen=True, slots=True)
class Bands:
    """What the labels of bands mean in numbers, by input and plain label."""

    meanings: Mapping[str, Mapping[str, Interval]]

    def meaning(self, input_name: str, label: str) -> Interval | None:
        """Return the numbers a label stands for; None when it stands for none."""
        return self.meanings.get(input_name, {}).get(plain(label))

    def number_behind(self, input_name: str, facts: Facts) -> Answer | None:
        """Return the number that chooses the band of `input_name`, where the case gives it."""
        behind = _BEHIND.get(input_name)
        known = None if behind is None else facts.get(behind)
        if known is None and input_name == "contract_date_band":
            return _AFTER_2019 if facts.get("contract_after_2019_07_01") is True else None
        return known

    def band_given_for(self, input_name: str, facts: Facts) -> Interval | None:
        """Return the numbers of the bands the case gives in place of the number itself."""
        found: Interval | None = None
        for name in _IN_FRONT.get(input_name, ()):
            label = facts.get(name)
            band = self.meaning(name, label) if isinstance(label, str) else None
            if band is not None:
                found = band if found is None else found.and_(band)
        return found
