"""Seniority from dates and absences, as the Code counts it (L1234-11, L1225-54), or an agreement.

Two seniorities exist: the one that opens a right, up to the notification, and the one that makes
the amount, up to the end of the contract. docs/calculators.md has the vocabulary of [seniority].
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from typing import Literal

from ai_core.calculators.absences import FULL, AbsenceRule, months_off, months_off_in
from ai_core.calculators.dates import DAYS_PER_MONTH, Period, add_months, day_after, whole_months
from ai_core.calculators.inputs import Absence, Facts
from ai_core.calculators.pay_outcomes import EVERY_OTHER, ExtraTime, SeniorityOutcome, Split
from ai_core.calculators.records import (
    Calculation,
    LegalSource,
    Note,
    Question,
    Side,
    Source,
    Step,
    decimal,
)
from ai_core.calculators.rulebook import Case, of_kind, outcome_of_side, rule_of_code
from ai_core.calculators.sides import of_one_side
from ai_core.errors import WrongInputs

Purpose = Literal["amount", "right"]

MONTHS_PER_YEAR = 12
_HALF_YEAR = 6
_STEPS_PER_MONTH = 4
_CLOSE = Fraction(1, 1_000_000)


@dataclass(frozen=True, slots=True)
class Service:
    """Years of seniority, the numbers an agreement derives besides, and how they came about."""

    years: Fraction
    named: Mapping[str, Fraction] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    sources: tuple[LegalSource, ...] = ()
    assumptions: tuple[Note, ...] = ()


def exact_years(years: Fraction) -> Fraction:
    """Return years written as a decimal as the months they mean: 0.6666666666666666 is 8 months.

    Quarters of months are recognised, since half a month of parental leave counts for a quarter.
    """
    quarters = round(years * MONTHS_PER_YEAR * _STEPS_PER_MONTH)
    exact = Fraction(quarters, MONTHS_PER_YEAR * _STEPS_PER_MONTH)
    return exact if abs(years - exact) < _CLOSE else years


def service(case: Case, side: Source, purpose: Purpose) -> Service | Question:
    """Return the seniority as the Code or the agreement counts it, or what is missing.

    An agreement without rules of its own counts as the Code does. Raises WrongInputs when the
    contract ends before it begins.
    """
    found = outcome_of_side(case, side, "seniority", SeniorityOutcome)
    if isinstance(found, Question):
        return found
    outcome, sources = found
    day = outcome.right_at if purpose == "right" else "exit_date"
    entry, end = case.facts.get("entry_date"), case.facts.get(day)
    if not isinstance(entry, date):
        return Question("entry_date")
    if not isinstance(end, date):
        return Question(day)
    if end < entry:
        raise WrongInputs([{"field": f"inputs.{day}", "reason": "before_entry_date"}])
    count = _Count(case.facts, outcome, entry, end, _absence_rules(outcome, case))
    counted = count.service(purpose)
    cited = tuple(item for item in sources if _concerns(item, count))
    steps = tuple(replace(step, source=_source_of(step, cited)) for step in counted.steps)
    return replace(counted, sources=cited, steps=steps)


def _source_of(step: Step, cited: tuple[LegalSource, ...]) -> str | None:
    """Return the article behind a step: the first, for absences the one after it."""
    if not cited:
        return None
    return cited[min(step.key == "absences_off", len(cited) - 1)].id


_REASONS_BY_ARTICLE: Mapping[str, tuple[str, ...]] = {
    "L1225-54": ("parental_leave", "parental_leave_full_time"),
    "L1226-7": ("occupational_sickness_or_accident",),
    "L1225-24": ("maternity_or_adoption_leave",),
    "L1225-35-2": ("paternity_leave",),
}
"""The articles of the Code that say how absences of these reasons count."""
_OTHER_SUSPENSIONS = "L1234-11"


def _concerns(source: LegalSource, count: "_Count") -> bool:
    """Whether an article of the Code concerns an absence of the case; clauses always count."""
    reasons = {absence.reason for absence in count.absences}
    for article, concerned in _REASONS_BY_ARTICLE.items():
        if f" {article} " in source.title:
            return bool(reasons & set(concerned))
    if f" {_OTHER_SUSPENSIONS} " in source.title:
        return bool(
            reasons - {reason for known in _REASONS_BY_ARTICLE.values() for reason in known}
        )
    return True


def _absence_rules(outcome: SeniorityOutcome, case: Case) -> Mapping[str, AbsenceRule]:
    other = outcome.absences.get(EVERY_OTHER)
    if other is not None:
        return _Defaulting(outcome.absences, other)
    of_code = rule_of_code(case, "seniority").row
    return {
        **(of_kind(of_code.outcome, SeniorityOutcome).absences if of_code else {}),
        **outcome.absences,
    }


class _Defaulting(dict[str, AbsenceRule]):
    """Rules of an agreement that has one rule for every reason it does not name."""

    def __init__(self, rules: Mapping[str, AbsenceRule], other: AbsenceRule) -> None:
        super().__init__(rules)
        self.other = other

    def get(self, reason: str, _default: object = None) -> AbsenceRule:
        return super().get(reason) or self.other


@dataclass(frozen=True, slots=True)
class _Count:
    """One count of seniority: the case, the rules, and the two days it lies between."""

    facts: Facts
    outcome: SeniorityOutcome
    entry: date
    end: date
    rules: Mapping[str, AbsenceRule]

    @property
    def absences(self) -> tuple[Absence, ...]:
        """The absences of the case."""
        given = self.facts.get("absences", ())
        return (
            tuple(item for item in given if isinstance(item, Absence))
            if isinstance(given, tuple)
            else ()
        )

    @property
    def period(self) -> Period:
        """The contract, to the first day after it where the last day counts."""
        end = day_after(self.end) if self.outcome.end_day_included else self.end
        return Period(self.entry, end)

    def service(self, purpose: Purpose) -> Service:
        """Return the seniority with its steps."""
        gross = self._gross_months()
        off = months_off(self.absences, self.rules, self.period)
        extra = self._extra_months(off)
        months = gross - off + extra
        named: dict[str, Fraction] = {}
        if purpose == "amount" and self.outcome.split is not None:
            later, named = self._split(self.outcome.split)
            months = months if later is None else later
        years = months / MONTHS_PER_YEAR
        if purpose == "amount" and self.outcome.rounding == "whole_years_from_one" and years >= 1:
            years = Fraction(int(years))
        if purpose == "amount" and self.outcome.rounding == "years_begun":
            years = Fraction(math.ceil(years))
        return Service(
            years,
            named,
            tuple(self._steps(purpose, gross, off, extra, years)),
            assumptions=self._assumptions(),
        )

    def _gross_months(self) -> Fraction:
        period = self.period
        if self.outcome.counted_in == "days":
            return (period.last - period.first).days / DAYS_PER_MONTH
        months = whole_months(period.first, period.last)
        if self.outcome.rounding == "nearest_month":
            before, after = (add_months(period.first, months + more) for more in (0, 1))
            months += (period.last - before) * 2 >= after - before
        if self.outcome.rounding == "years_begun":
            months += period.last > add_months(period.first, months)
        return Fraction(months)

    def _extra_months(self, off: Fraction) -> Fraction:
        """Return the months added for time that counts more, as on a day-rate contract."""
        extra = self.outcome.extra_time
        if extra is None or not any(self.facts.get(name) is True for name in extra.when_any):
            return Fraction(0)
        start = self._extra_start(extra)
        last = self.period.last
        if start >= last:
            return Fraction(0)
        if start > self.entry:
            off = months_off_in(self.absences, self.rules, Period(start, last))
        return extra.share * (whole_months(start, last) - off)

    def _extra_start(self, extra: ExtraTime) -> date:
        since = self.facts.get(extra.since)
        whole_contract = extra.always is not None and self.facts.get(extra.always) is True
        start = since if isinstance(since, date) and not whole_contract else self.entry
        return max(start, self.entry, extra.not_before or self.entry)

    def _split(self, split: Split) -> tuple[Fraction | None, dict[str, Fraction]]:
        """Return the months since the split, None where they are all, and the named numbers."""
        day = split.on if split.at is None else self.facts.get(split.at)
        if not isinstance(day, date):
            return None, {}
        if split.half_years:
            return None, self._half_years(split, day)
        if day < self.entry:
            return None, {split.earlier: Fraction(0)}
        later, earlier = (
            whole_months(part.first, part.last) - months_off_in(self.absences, self.rules, part)
            for part in (Period(day, self.period.last), Period(self.entry, day))
        )
        return later, {split.earlier: earlier / MONTHS_PER_YEAR}

    def _half_years(self, split: Split, day: date) -> dict[str, Fraction]:
        """Return the half-years completed before a day, and since, absences taken off each."""
        turn = min(max(day, self.entry), self.period.last)
        before = [
            item for item in self.absences if item.start is not None and day_after(item.start) < day
        ]
        since = [item for item in self.absences if item not in before]
        counted = (Period(self.entry, turn), before), (Period(turn, self.period.last), since)
        return {
            name: Fraction(max(_half_years_in(part, absences, self.rules), 0))
            for name, (part, absences) in zip(
                (split.earlier, str(split.later)), counted, strict=True
            )
        }

    def _steps(
        self, purpose: Purpose, gross: Fraction, off: Fraction, extra: Fraction, years: Fraction
    ) -> Iterable[Step]:
        yield Step("service", {"start": self.entry, "end": self.end, "months": gross})
        if off:
            yield Step("absences_off", {"months": off})
        if extra:
            yield Step("extra_time", {"months": extra})
        facts = {"months": years * MONTHS_PER_YEAR, "years": years}
        yield Step(f"seniority_for_{purpose}", facts)

    def _assumptions(self) -> tuple[Note, ...]:
        """Name the absences that need a date and have none."""
        dated = self.outcome.split is not None or self.outcome.extra_time is not None
        undated = [
            item
            for item in self.absences
            if item.start is None and (dated or self.rules.get(item.reason, FULL).needs_dates)
        ]
        return (Note("absences_without_date"),) if undated else ()


def _half_years_in(part: Period, absences: list[Absence], rules: Mapping[str, AbsenceRule]) -> int:
    return int(
        (whole_months(part.first, part.last) - months_off(absences, rules, part)) // _HALF_YEAR
    )


def calculate(case: Case) -> Calculation:
    """Return the seniority of a case in years, as the agreement counts it where it has rules.

    Raises RuleWithheld, and WrongInputs when the contract ends before it begins.
    """
    purpose: Purpose = "right" if case.facts.get("purpose") == "right" else "amount"
    held = case.book.agreement(case.idcc) is not None
    own = service(case, "agreement", purpose) if held else None
    try:
        legal: Service | Question | None = service(case, "legal", purpose)
    except WrongInputs:
        if own is None:
            raise
        legal = None  # the agreement looks at another day than the Code, and that one is right
    missing = [found for found in (own, legal) if isinstance(found, Question)]
    return of_one_side(
        case,
        _side(legal) if isinstance(legal, Service) else None,
        _side(own) if isinstance(own, Service) else None,
        missing,
    )


def _side(found: Service) -> Side:
    return Side(
        decimal(found.years),
        "ans",
        steps=found.steps,
        sources=found.sources,
        assumptions=found.assumptions,
    )
