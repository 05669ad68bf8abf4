"""How one language writes measures (durations, sums, days, hours) and what they are measures of."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Literal

ScriptName = Literal["spaced", "thai", "chinese"]
MeasureKind = Literal["date", "duration", "money", "hours", "days"]
NumberOf = Callable[[str], Fraction]


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure at a place of a text.

    `value` is in months, euros, hours or days; `day` is a date as precise as it was written
    ("2019", "2019-03", "2019-03-15"). `weeks` and `years_only` tell how a duration was written,
    `marked` whether a sum bears a sign of money.
    """

    kind: MeasureKind
    start: int
    stop: int
    value: Fraction = Fraction(0)
    day: str = ""
    weeks: bool = False
    years_only: bool = False
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Cue:
    """Words before or after a measure that tell its role."""

    kind: MeasureKind
    role: str
    before: re.Pattern[str] | None = None
    after: re.Pattern[str] | None = None

    def fits(self, before: str, after: str) -> bool:
        """Whether one of the sides tells the role."""
        return bool(
            (self.before and self.before.search(before)) or (self.after and self.after.match(after))
        )


@dataclass(frozen=True, slots=True)
class Named:
    """A field and the value that words tell by themselves."""

    field: str
    value: str | bool
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """One language's patterns; the groups they name are read by `measures.py`.

    `cues` are tried in their order. `denied` is searched in what stands before a named fact.
    """

    script: ScriptName
    dates: re.Pattern[str]
    months: dict[str, int]
    duration: re.Pattern[str]
    money: re.Pattern[str]
    hours: re.Pattern[str]
    days: re.Pattern[str]
    number: NumberOf
    cues: tuple[Cue, ...]
    named: tuple[Named, ...]
    denied: re.Pattern[str]
    hypothesis: re.Pattern[str]
    relative_days: dict[str, int] = field(default_factory=dict)
    coded: tuple[tuple[str, re.Pattern[str]], ...] = ()

    def relative_day(self, words: str, today: date) -> date | None:
        """Return the day that a word such as "hier" tells."""
        offset = self.relative_days.get(words)
        return None if offset is None else date.fromordinal(today.toordinal() + offset)


def number_by_tens(words: str, ten: str, digits: Mapping[str, int]) -> Fraction:
    """Return a number below a hundred, in figures or in words that count tens ("二十三")."""
    if words[0].isdigit():
        return Fraction(words)
    tens, found, ones = words.partition(ten)
    if not found:
        return Fraction(digits[words])
    return Fraction(10 * (digits[tens] if tens else 1) + (digits[ones] if ones else 0))


def cue(kind: MeasureKind, role: str, *, before: str = "", after: str = "") -> Cue:
    """Return a cue; `before` is read up to the measure, `after` from its end on."""
    return Cue(
        kind,
        role,
        re.compile(rf"(?:{before})$") if before else None,
        re.compile(after) if after else None,
    )


def named(field_name: str, names: dict[str | bool, str], *, words: bool = True) -> list[Named]:
    """Return the patterns of a field; `words`: they are whole words, as in a spaced script."""
    edge = r"\b" if words else ""
    return [
        Named(field_name, value, re.compile(rf"{edge}(?:{pattern}){edge}"))
        for value, pattern in names.items()
    ]
