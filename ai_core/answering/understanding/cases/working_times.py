"""Full time and part time as people tell them: which share, for how long, before or after what.

A share of full time is found by its words ("mi-temps", "80 %", "24 h par semaine", 兼职50%). A
duration or a day belongs to it where only words that link them stand between. Part time for medical
reasons or within parental leave is no such contract and is not read.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from ai_core.answering.understanding.cases.lexicon import Lexicon, Measure
from ai_core.answering.understanding.cases.working_time_mentions import (
    FULL_TIME,
    Mention,
    is_denied,
    mentions_in,
)
from ai_core.answering.understanding.cases.working_time_words import WORDS, Words
from ai_core.answering.understanding.quantities import number_of

Place = Literal["earlier", "current", ""]
PayBasis = Literal["full_time", "part_time"]
_BESIDE_CHARACTERS, _AFTER_CHARACTERS = 24, 12
_MOST_BETWEEN_CHARACTERS = 60
_DAYS_A_MONTH, _LAST_DAYS = 30, 28
_MOST_PERIODS = 6
_HUNDRED = 100
_MONTHS_A_YEAR = 12
_LEAST_PAY_EUR = 100
_BARE_PERCENT = re.compile(r"\W*(3[6-9]|[4-9]\d)\W*")
"""A number above the hours of a week can only be a percentage."""


@dataclass(frozen=True, slots=True)
class WorkingTimeTold:
    """A stretch at a share of full time; None: the share, or the length, was not told.

    `since` is the day it began, as precise as it was written. `place`: whether it came first, or
    lasts to the end. `changed`: it is told as a change, so that something else came before;
    `worked`: as what was worked ("je travaille à mi-temps depuis 3 ans").
    """

    share: Fraction | None
    months: Fraction | None = None
    since: str | None = None
    place: Place = ""
    changed: bool = False
    worked: bool = False


@dataclass(frozen=True, slots=True)
class WorkingTimesRead:
    """What a text tells of working time; `taken` are the measures that belong to it.

    `at` is the place of the first mention.
    """

    periods: tuple[WorkingTimeTold, ...]
    taken: frozenset[int]
    pay_basis: PayBasis | None = None
    at: int = 0


@dataclass(frozen=True, slots=True)
class _Length:
    """A measure that may tell how long a stretch lasted, or when; `parts` are those it is made of.

    `is_range`: it runs from one day to another, in months; 0: only the years are known.
    """

    measure: Measure
    parts: frozenset[int]
    is_range: bool = False


NO_WORKING_TIMES = WorkingTimesRead((), frozenset())


def working_times(
    text: str, lexicon: Lexicon, found: Sequence[Measure], *, free: frozenset[int]
) -> WorkingTimesRead:
    """Return the stretches of full and part time that a text tells, in the order of time.

    `free` are the measures that may be the length or the first day of one.
    """
    words = WORDS[lexicon.script]
    mentions = [one for one in mentions_in(text, words) if not is_denied(text, lexicon, one)]
    basis, of_pay = _of_pay(text, words, mentions, found)
    at = mentions[0].start if mentions else 0
    lengths = list(_lengths(text, words, found, free, ranges=len(mentions) > 1))
    taken: set[int] = set()
    periods: list[WorkingTimeTold] = []
    for mention in mentions[:_MOST_PERIODS]:
        if mention in of_pay:
            continue
        left = [one for one in lengths if not one.parts & taken]
        length = _linked(text, words, mention, left, mentions)
        taken |= length.parts if length else set()
        if mention.is_contract:
            period = _period(text, words, mention, length)
            periods.append(_of_which(text, words, mention, period, found))
    if all(one.share == FULL_TIME for one in periods):
        return WorkingTimesRead((), frozenset(), basis, at)
    return WorkingTimesRead(tuple(_in_order(periods)), frozenset(taken), basis, at)


def share_told(text: str, lexicon: Lexicon) -> Fraction | None:
    """Return the share of full time that a reply tells: "80 %", "24h", "mi-temps", "80"."""
    words = WORDS[lexicon.script]
    bare = _BARE_PERCENT.fullmatch(text)
    if bare:
        return Fraction(bare[1]) / _HUNDRED
    shares = {one.share for one in mentions_in(text, words, any_number=True)} - {None}
    return shares.pop() if len(shares) == 1 else None


def basis_told(text: str, lexicon: Lexicon) -> PayBasis | None:
    """Return which working time a reply names, None where it names both or neither."""
    words = WORDS[lexicon.script]
    full = {one.share == FULL_TIME for one in mentions_in(text, words)}
    if len(full) != 1:
        return None
    return "full_time" if full.pop() else "part_time"


def merged_periods(
    before: tuple[WorkingTimeTold, ...] | None, later: tuple[WorkingTimeTold, ...]
) -> tuple[WorkingTimeTold, ...]:
    """Return the stretches after a later message, which completes the part time told before."""
    if before is None or len(later) != 1:
        return later
    new = later[0]
    parts = [at for at, one in enumerate(before) if one.share != FULL_TIME]
    if len(parts) != 1 or new.share == FULL_TIME:
        return later
    old = before[parts[0]]
    length_told = new.months is not None or new.since is not None
    both = replace(
        new if length_told else old,
        share=old.share if new.share is None else new.share,
        place=new.place or old.place,
    )
    return (*before[: parts[0]], both, *before[parts[0] + 1 :])


def _lengths(
    text: str, words: Words, found: Sequence[Measure], free: frozenset[int], *, ranges: bool
) -> Iterator[_Length]:
    """Yield the free measures that may be the length, the first day or the days of a stretch."""
    skipped = -1
    for at, measure in enumerate(found):
        if at == skipped:
            continue
        following = found[at + 1] if at + 1 < len(found) else None
        if ranges and following and _are_a_range(text, words, measure, following):
            skipped = at + 1
            months = _months_of(measure.day, following.day)
            whole = Measure("duration", measure.start, following.stop, months or Fraction(0))
            yield _Length(whole, frozenset({at, at + 1}), is_range=True)
        elif at in free and measure.kind in ("duration", "date") and not measure.weeks:
            yield _Length(measure, frozenset({at}))


def _are_a_range(text: str, words: Words, first: Measure, last: Measure) -> bool:
    """Whether two days are the first and the last of a stretch, not of the contract."""
    before = text[max(0, first.start - _BESIDE_CHARACTERS) : first.start]
    return bool(
        first.kind == last.kind == "date"
        and words.range_to.fullmatch(text[first.stop : last.start])
        and not words.hired.search(before)
    )


def _months_of(first: str, last: str) -> Fraction | None:
    """Return the months from one day to another, both as precise as a month at least."""
    if len(first) < len("2019-03") or len(last) < len("2019-03"):
        return None
    years = int(last[:4]) - int(first[:4])
    months = Fraction(years * _MONTHS_A_YEAR + int(last[5:7]) - int(first[5:7]))
    if len(last) == len("2019-03"):
        return months + 1
    days = int(last[8:]) - (int(first[8:]) if len(first) > len("2019-03") else 1) + 1
    return months + (1 if days >= _LAST_DAYS else Fraction(days, _DAYS_A_MONTH))


def _linked(
    text: str,
    words: Words,
    mention: Mention,
    lengths: Sequence[_Length],
    mentions: Sequence[Mention],
) -> _Length | None:
    """Return the length of a mention, the surest of those beside it."""
    best: tuple[int, _Length] | None = None
    for one in lengths:
        measure = one.measure
        rank = _rank(text, words, mention, measure)
        if measure.kind == "date" and not _is_first_day(text, words, mention, measure):
            continue
        others = any(
            _rank(text, words, other, measure) > rank for other in mentions if other is not mention
        )
        if rank and not others and (best is None or rank > best[0]):
            best = rank, one
    return None if best is None else best[1]


def _is_first_day(text: str, words: Words, mention: Mention, day: Measure) -> bool:
    """Whether a day may be the first of a stretch: it is told as one, not as the day of hiring."""
    start, stop = min(mention.start, day.start), max(mention.stop, day.stop)
    before = text[max(0, start - _BESIDE_CHARACTERS) : start]
    if words.hired.search(before):
        return False
    told = text[max(0, start - _BESIDE_CHARACTERS) : stop + len("  ago")]
    return bool(words.since.search(told) or words.changed.search(told))


_AFTER_STRONG, _BEFORE, _AFTER, _BEFORE_COMMA = 4, 3, 2, 1


def _rank(text: str, words: Words, mention: Mention, measure: Measure) -> int:
    """Return how surely a measure belongs to a mention; 0: it does not."""
    apart = max(measure.start - mention.stop, mention.start - measure.stop)
    if apart > _MOST_BETWEEN_CHARACTERS:
        return 0
    if measure.start >= mention.stop:
        between = text[mention.stop : measure.start]
        if not words.after.fullmatch(between):
            return 0
        strong = words.since.search(between) or words.since_after.match(text[measure.stop :])
        return _AFTER_STRONG if strong else _AFTER
    if measure.stop <= mention.start:
        between = text[measure.stop : mention.start]
        if words.before.fullmatch(between):
            clause = between.lstrip().startswith(",") or words.worked.search(between)
            return _BEFORE_COMMA if clause else _BEFORE
    return 0


def _period(text: str, words: Words, mention: Mention, length: _Length | None) -> WorkingTimeTold:
    measure = length.measure if length else None
    start = mention.start if measure is None else min(mention.start, measure.start)
    stop = mention.stop if measure is None else max(mention.stop, measure.stop)
    before = words.breaks.split(text[max(0, start - _BESIDE_CHARACTERS) : start])[-1]
    after = words.breaks.split(text[stop : stop + _BESIDE_CHARACTERS])[0][:_AFTER_CHARACTERS]
    around = before + text[start:stop] + after
    changed = bool(words.changed.search(text[max(0, start - _BESIDE_CHARACTERS) : mention.start]))
    worked = not changed and bool(words.worked.search(text[: mention.start][-_BESIDE_CHARACTERS:]))
    told = WorkingTimeTold(
        mention.share, None, None, _place(words, around, before), changed, worked
    )
    if measure is None or length is None:
        return told
    if length.is_range:
        return replace(told, months=measure.value or None, place="earlier", changed=True)
    if measure.kind == "date":
        return replace(told, since=measure.day, place=told.place or "current")
    return replace(told, months=measure.value)


def _of_which(
    text: str,
    words: Words,
    mention: Mention,
    period: WorkingTimeTold,
    found: Sequence[Measure],
) -> WorkingTimeTold:
    """Return a stretch with the length of "5 ans dont 2 à mi-temps", in the unit before it."""
    if (
        period.months is None
        and period.since is None
        and words.last_year.match(text[mention.stop : mention.stop + _BESIDE_CHARACTERS])
    ):
        return replace(period, months=Fraction(_MONTHS_A_YEAR), place="current")
    start = max(0, mention.start - _MOST_BETWEEN_CHARACTERS)
    number = words.of_which.search(text[start : mention.start])
    before = [one for one in found if one.kind == "duration" and one.stop <= mention.start]
    if period.months is not None or number is None or not before:
        return period
    unit = _MONTHS_A_YEAR if before[-1].years_only else 1
    return replace(period, months=Fraction(number_of(number["number"])) * unit)


def _place(words: Words, around: str, before: str) -> Place:
    if words.first.search(around) or words.earlier.search(before):
        return "earlier"
    return "current" if words.since.search(around) or words.latest.search(around) else ""


def _in_order(periods: Sequence[WorkingTimeTold]) -> Iterator[WorkingTimeTold]:
    """Yield stretches told in the order of time, and say of the last that it is the current one.

    Two stretches are told in their order, unless words say which came first.
    """
    rank = {"earlier": 0, "": 1, "current": 2}
    ordered = sorted(periods, key=lambda one: rank[one.place])
    for at, one in enumerate(ordered):
        if len(ordered) == 1:
            yield one
        else:
            yield replace(one, place="current" if at == len(ordered) - 1 else "earlier")


def _of_pay(
    text: str, words: Words, mentions: Sequence[Mention], found: Sequence[Measure]
) -> tuple[PayBasis | None, list[Mention]]:
    """Return which working time the pay is said to be of, and the mentions that say it."""
    named: dict[PayBasis, list[Mention]] = {}
    sums = [one for one in found if one.kind == "money" and one.value >= _LEAST_PAY_EUR]
    for mention in mentions:
        after = text[mention.stop : mention.stop + _BESIDE_CHARACTERS]
        ends = max((one.stop for one in sums if one.stop <= mention.start), default=None)
        near = ends is not None and mention.start - ends <= _MOST_BETWEEN_CHARACTERS
        of_sum = near and words.after_sum.fullmatch(text[ends : mention.start])
        before = text[max(0, mention.start - _BESIDE_CHARACTERS) : mention.start]
        said = words.pay_before.search(before) or words.pay_after.match(after)
        if said or (of_sum and not words.lasts.match(after)):
            basis: PayBasis = "full_time" if mention.share == FULL_TIME else "part_time"
            named.setdefault(basis, []).append(mention)
    if len(named) != 1:
        return None, []
    basis, by = next(iter(named.items()))
    return basis, by
