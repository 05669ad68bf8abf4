"""Full time and part time as people tell them: which share, for how long, before or after what.

A share of full time is found by its words ("mi-temps", "80 %", "24 h par semaine", 兼职50%). A
duration or a day belongs to it where only words that link them stand between. Part time for medical
reasons or within parental leave is no such contract and is not read.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from ai_core.answering.understanding.cases.lexicon import Lexicon, Measure
from ai_core.answering.understanding.cases.working_time_words import WORDS, Words
from ai_core.answering.understanding.quantities import number_of

Place = Literal["earlier", "current", ""]
PayBasis = Literal["full_time", "part_time"]
FULL_TIME = Fraction(1)
_LEGAL_WEEK_HOURS = 35
_FIFTHS = 5
_BESIDE_CHARACTERS = 24
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
class _Mention:
    """A share of full time at a place of a text, and the measure that it took."""

    start: int
    stop: int
    share: Fraction | None
    is_word: bool
    is_contract: bool = True


@dataclass(frozen=True, slots=True)
class WorkingTimesRead:
    """What a text tells of working time; `taken` are the measures that belong to it.

    `at` is the place of the first mention.
    """

    periods: tuple[WorkingTimeTold, ...]
    taken: frozenset[int]
    pay_basis: PayBasis | None = None
    at: int = 0


NO_WORKING_TIMES = WorkingTimesRead((), frozenset())


def working_times(
    text: str, lexicon: Lexicon, found: Sequence[Measure], *, free: frozenset[int]
) -> WorkingTimesRead:
    """Return the stretches of full and part time that a text tells, in the order of time.

    `free` are the measures that may be the length or the first day of one.
    """
    words = WORDS[lexicon.script]
    mentions = [one for one in _mentions(text, words) if not _denied(text, lexicon, one)]
    basis, of_pay = _of_pay(text, words, mentions, found)
    at = mentions[0].start if mentions else 0
    taken = set(range(len(found))) - free
    periods: list[WorkingTimeTold] = []
    for mention in mentions[:_MOST_PERIODS]:
        if mention in of_pay:
            continue
        linked = _linked(text, words, mention, found, taken, mentions)
        taken |= {linked} if linked is not None else set()
        measure = None if linked is None else found[linked]
        if mention.is_contract:
            period = _period(text, words, mention, measure)
            periods.append(_of_which(text, words, mention, period, found))
    if all(one.share == FULL_TIME for one in periods):
        return WorkingTimesRead((), frozenset(), basis, at)
    return WorkingTimesRead(tuple(_in_order(periods)), frozenset(taken & free), basis, at)


def share_told(text: str, lexicon: Lexicon) -> Fraction | None:
    """Return the share of full time that a reply tells: "80 %", "24h", "mi-temps", "80"."""
    words = WORDS[lexicon.script]
    bare = _BARE_PERCENT.fullmatch(text)
    if bare:
        return Fraction(bare[1]) / _HUNDRED
    shares = {one.share for one in _mentions(text, words, any_number=True)} - {None}
    return shares.pop() if len(shares) == 1 else None


def basis_told(text: str, lexicon: Lexicon) -> PayBasis | None:
    """Return which working time a reply names, None where it names both or neither."""
    words = WORDS[lexicon.script]
    full = {one.share == FULL_TIME for one in _mentions(text, words)}
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


def _mentions(text: str, words: Words, *, any_number: bool = False) -> Iterator[_Mention]:
    """Yield the mentions in their order: "temps partiel (80 %)" is one."""
    last: _Mention | None = None
    for found in words.mention.finditer(text):
        before = text[max(0, found.start() - _BESIDE_CHARACTERS) : found.start()]
        is_contract = not (
            words.unless.search(before) or words.unless_after.match(text[found.end() :])
        )
        one = _Mention(
            found.start(), found.end(), _share(found), found.lastgroup in _BY_WORD, is_contract
        )
        if last and words.joint.fullmatch(text[last.stop : one.start]) and _completes(last, one):
            share = one.share if last.share is None else last.share
            contract = last.is_contract and one.is_contract
            last = _Mention(last.start, one.stop, share, is_word=True, is_contract=contract)
            continue
        if last is not None and (last.is_word or any_number or _placed(text, words, last)):
            yield last
        last = one
    if last is not None and (last.is_word or any_number or _placed(text, words, last)):
        yield last


_BY_WORD = ("full", "half", "three_quarters", "four_fifths", "part", "weekly")


def _completes(one: _Mention, other: _Mention) -> bool:
    return (one.share is None) != (other.share is None)


def _placed(text: str, words: Words, mention: _Mention) -> bool:
    """Whether a bare percentage is one of working time, by the words beside it."""
    before = text[max(0, mention.start - _BESIDE_CHARACTERS) : mention.start]
    after = text[mention.stop :]
    if mention.share is None or words.not_after_number.match(after):
        return False
    if words.not_before_number.search(before):
        return False
    return bool(words.before_number.search(before) or words.lasts.match(after))


def _share(found: re.Match[str]) -> Fraction | None:
    """Return the share of a mention, None for a part time without one."""
    groups = {name: value for name, value in found.groupdict().items() if value}
    fixed = {
        "full": FULL_TIME,
        "half": Fraction(1, 2),
        "three_quarters": Fraction(3, 4),
        "four_fifths": Fraction(4, _FIFTHS),
    }
    for name, share in fixed.items():
        if name in groups:
            return share
    if percent := groups.get("percent"):
        return _up_to_full(Fraction(percent.replace(",", ".")) / _HUNDRED)
    hours = next((groups[name] for name in ("weekly", "bare_hours") if name in groups), None)
    if hours is None:
        return None
    told = re.findall(r"\d+(?:[.,]\d)?", hours)
    minutes = Fraction(int(told[1]), 60) if len(told) > 1 else Fraction(0)
    return _up_to_full((Fraction(told[0].replace(",", ".")) + minutes) / _LEGAL_WEEK_HOURS)


def _up_to_full(share: Fraction) -> Fraction | None:
    return min(share, FULL_TIME) if share > 0 else None


def _denied(text: str, lexicon: Lexicon, mention: _Mention) -> bool:
    return bool(
        lexicon.denied.search(text[max(0, mention.start - _BESIDE_CHARACTERS) : mention.start])
    )


def _linked(
    text: str,
    words: Words,
    mention: _Mention,
    found: Sequence[Measure],
    taken: Iterable[int],
    mentions: Sequence[_Mention],
) -> int | None:
    """Return which measure is the length or the first day of a mention."""
    best: tuple[int, int] | None = None
    for at, measure in enumerate(found):
        if at in taken or measure.kind not in ("duration", "date") or measure.weeks:
            continue
        rank = _rank(text, words, mention, measure)
        if measure.kind == "date" and not _is_first_day(text, words, mention, measure):
            continue
        others = any(
            _rank(text, words, one, measure) > rank for one in mentions if one is not mention
        )
        if rank and not others and (best is None or rank > best[0]):
            best = rank, at
    return None if best is None else best[1]


def _is_first_day(text: str, words: Words, mention: _Mention, day: Measure) -> bool:
    """Whether a day may be the first of a stretch: it is told as one, not as the day of hiring."""
    start, stop = min(mention.start, day.start), max(mention.stop, day.stop)
    before = text[max(0, start - _BESIDE_CHARACTERS) : start]
    if words.hired.search(before):
        return False
    told = text[max(0, start - _BESIDE_CHARACTERS) : stop + len("  ago")]
    return bool(words.since.search(told) or words.changed.search(told))


_AFTER_STRONG, _BEFORE, _AFTER, _BEFORE_COMMA = 4, 3, 2, 1


def _rank(text: str, words: Words, mention: _Mention, measure: Measure) -> int:
    """Return how surely a measure belongs to a mention; 0: it does not."""
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


def _period(text: str, words: Words, mention: _Mention, measure: Measure | None) -> WorkingTimeTold:
    start = mention.start if measure is None else min(mention.start, measure.start)
    stop = mention.stop if measure is None else max(mention.stop, measure.stop)
    around = text[max(0, start - _BESIDE_CHARACTERS) : stop + len(" ago  ")]
    before = text[max(0, start - _BESIDE_CHARACTERS) : start]
    changed = bool(words.changed.search(text[max(0, start - _BESIDE_CHARACTERS) : mention.start]))
    worked = not changed and bool(words.worked.search(text[: mention.start][-_BESIDE_CHARACTERS:]))
    told = WorkingTimeTold(
        mention.share, None, None, _place(words, around, before), changed, worked
    )
    if measure is None:
        return told
    if measure.kind == "date":
        return replace(told, since=measure.day, place=told.place or "current")
    return replace(told, months=measure.value)


def _of_which(
    text: str,
    words: Words,
    mention: _Mention,
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
    number = words.of_which.search(text[: mention.start])
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
    text: str, words: Words, mentions: Sequence[_Mention], found: Sequence[Measure]
) -> tuple[PayBasis | None, list[_Mention]]:
    """Return which working time the pay is said to be of, and the mentions that say it."""
    named: dict[PayBasis, list[_Mention]] = {}
    sums = [one for one in found if one.kind == "money" and one.value >= _LEAST_PAY_EUR]
    for mention in mentions:
        after = text[mention.stop : mention.stop + _BESIDE_CHARACTERS]
        ends = max((one.stop for one in sums if one.stop <= mention.start), default=None)
        of_sum = ends is not None and words.after_sum.fullmatch(text[ends : mention.start])
        before = text[max(0, mention.start - _BESIDE_CHARACTERS) : mention.start]
        said = words.pay_before.search(before) or words.pay_after.match(after)
        if said or (of_sum and not words.lasts.match(after)):
            basis: PayBasis = "full_time" if mention.share == FULL_TIME else "part_time"
            named.setdefault(basis, []).append(mention)
    if len(named) != 1:
        return None, []
    basis, by = next(iter(named.items()))
    return basis, by
