"""Reads the facts of a case from one message: each measure by its role, each name by its owner.

With a calculator asked for, the message speaks of the case to compute, and a bare "7 ans, 2300" is
read as what that calculator needs. Without one, only what the asker tells of themselves counts.
What has two values in a message is left out.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

from ai_core.answering.understanding.cases.ages import KnownYears, Meaning, meanings
from ai_core.answering.understanding.cases.chinese import CHINESE
from ai_core.answering.understanding.cases.facts import AbsenceTold, CaseFacts
from ai_core.answering.understanding.cases.lexicon import Lexicon, Measure, Named
from ai_core.answering.understanding.cases.measures import measures
from ai_core.answering.understanding.cases.roles import (
    SENIORITY_CALCULATORS,
    SUM_CALCULATORS,
    Told,
    is_age,
    is_pay,
    is_served,
    role_of,
    told_by,
)
from ai_core.answering.understanding.cases.spaced import SPACED, rewritten
from ai_core.answering.understanding.cases.spelling import spelled
from ai_core.answering.understanding.cases.spoken_sums import sums_in_figures
from ai_core.answering.understanding.cases.thai import THAI
from ai_core.answering.understanding.cases.working_times import (
    NO_WORKING_TIMES,
    WorkingTimesRead,
    WorkingTimeTold,
    working_times,
)
from ai_core.answering.understanding.facts import LONGEST_READ, readable
from ai_core.answering.understanding.owners import NEAR_CHARACTERS, PERSON

_THAI = re.compile(r"[\u0e01-\u0e3a\u0e40-\u0e4e]")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_THAI_DIGITS = str.maketrans("๐๑๒๓๔๕๖๗๘๙", "0123456789")
_BREAK = re.compile(r"[;?!\n。？！]|\.(?!\d)")
_BEFORE_CHARACTERS, _AFTER_CHARACTERS = 70, 45
_DENIAL_CHARACTERS = 40
_MOST_MEASURES = 40
_RANGE_CHARACTERS = 12
_RANGE_NUMBER = re.compile(r"[\d一二三四五六七八九十] ?(?:a|et|ou|to|and|or|-|~|到|至|ถึง|หรือ) ?$")
_EITHER = re.compile(r" ?(?:a|ou|to|or|-|~|到|至|或|ถึง|หรือ) ?")
_AND = re.compile(r" (?:et|and) (?:moins de |less than )?")
_BETWEEN = re.compile(r"\b(?:entre|between) $")
_EMPLOYER = re.compile(
    r"\b(?:mon|ma|mes|nos|notre|my|our) (?:\w+ )?(?:salariee?s?|employees?)"
    r"|\bje (?:licencie|mets un)"
)
_AGE = re.compile(
    r"\b(?:i am|i'm|(?:fired|dismissed|laid off|redundant"
    r"|retir\w+) at) (?P<age>[1-7]\d)\b(?! ?(?:years? (?:of|in)|months?|hours?|%|€))"
)
_MONTHS_A_YEAR = 12
_YEAR = re.compile(
    r"(?:\b(?:en|in|de|du|depuis|since|from|annee|year|fin|debut|mi|ete|hiver|entre|et|a|au|to"
    r"|until)"
    r"|\d|-|/) ?$"
)
_FREE_ROLES = ("", "served", "excluded")
_DATE_ROLES = ("entry", "notice", "from")
_SPANNED = ("hired_permanently", "permanent_offer_refused")


@dataclass(frozen=True, slots=True)
class Script:
    """A message as it is read, and the lexicon that reads it."""

    text: str
    lexicon: Lexicon


def script_of(message: str) -> Script:
    """Return the text that a message is read as: folded where a script has spaces."""
    head = message[:LONGEST_READ]
    if _THAI.search(head):
        text = unicodedata.normalize("NFC", head).translate(_THAI_DIGITS)
        return Script(sums_in_figures(text, THAI.script), THAI)
    if _HAN.search(head):
        text = unicodedata.normalize("NFKC", head)
        return Script(sums_in_figures(text, CHINESE.script), CHINESE)
    text = spelled(readable(message))
    return Script(rewritten(sums_in_figures(text, SPACED.script)), SPACED)


_AVERAGES = tuple(
    re.compile(rf"\b(?:{number}) (?:derniers mois|last months)|\blast (?:{number}) months")
    for number in ("12|douze|twelve", "3|trois|three")
)


def read_case(message: str, today: date, *, asked: str | None) -> CaseFacts:
    """Return what a message tells of the case; `asked`: the calculator it is told to."""
    script = script_of(message)
    found = measures(script.text, script.lexicon, today)[:_MOST_MEASURES]
    placed = _placed(script, _with_pay_for_years(script, found, asked))
    times = _working_times(script, placed, asked)
    told = [
        *_of_measures(script, placed, times, asked),
        *_of_working_times(script, times, placed),
        *_of_names(script),
        *_codes(script),
        *_ages(script),
    ]
    paid = _of_two_averages(script.text, told)
    return _case(paid, is_employer=bool(_EMPLOYER.search(script.text)), asked=asked)


def _of_two_averages(text: str, told: Sequence[Told]) -> Sequence[Told]:
    """Return the higher pay alone where the averages of twelve and of three months are told.

    It is the one that indemnities are computed with (R1234-4, D1237-2).
    """
    pays = [one for one in told if one.field == "gross_monthly"]
    if len(pays) < 2 or not all(average.search(text) for average in _AVERAGES):
        return told
    best = max(pays, key=lambda one: Fraction(str(one.value)))
    return [one for one in told if one.field != "gross_monthly" or one is best]


def days_of(message: str, today: date) -> list[str]:
    """Return the days that a message names, as precise as they are written."""
    script = script_of(message)
    return [one.day for one in measures(script.text, script.lexicon, today) if one.day]


def _with_pay_for_years(
    script: Script, found: Sequence[Measure], asked: str | None
) -> list[Measure]:
    """Return the measures with "2000" as the pay that is needed, where nothing makes it a year."""
    read = list(found)
    if asked not in SUM_CALCULATORS or any(
        one.kind == "money" and is_pay(one.value) for one in found
    ):
        return read
    for at, one in enumerate(found):
        if one.kind == "date" and len(one.day) == len("2000") == one.stop - one.start:
            before = script.text[max(0, one.start - _BEFORE_CHARACTERS) : one.start]
            after = script.text[one.stop : one.stop + _AFTER_CHARACTERS]
            if not role_of(script.lexicon, one, before, after, None) and not _YEAR.search(before):
                read[at] = Measure("money", one.start, one.stop, Fraction(one.day))
    return read


@dataclass(frozen=True, slots=True)
class _Placed:
    """A measure, the words beside it, and the role they give it."""

    measure: Measure
    before: str
    after: str
    role: str


def _placed(script: Script, found: Sequence[Measure]) -> list[_Placed]:
    """Return the measures with their roles, without the bounds of ranges."""
    role = ""
    ranges = _of_ranges(script.text, found)
    placed = []
    for at, measure in enumerate(found):
        if at in ranges:
            continue
        start = found[at - 1].stop if at else 0
        stop = found[at + 1].start if at + 1 < len(found) else len(script.text)
        before = _tail(script.text[max(start, measure.start - _BEFORE_CHARACTERS) : measure.start])
        after = _head(script.text[measure.stop : min(stop, measure.stop + _AFTER_CHARACTERS)])
        same = at > 0 and found[at - 1].kind == measure.kind
        role = role_of(script.lexicon, measure, before, after, role if same else None)
        placed.append(_Placed(measure, before, after, role))
    return placed


def _of_measures(
    script: Script, placed: Sequence[_Placed], times: WorkingTimesRead, asked: str | None
) -> Iterator[Told]:
    named = _years_named(script, placed, times, asked)
    for at, one in enumerate(placed):
        if at in times.taken:
            continue
        following = placed[at + 1].measure if at + 1 < len(placed) else None
        owner = _owner(script, one.measure.start)
        role = named.get(at) or one.role
        for told in told_by(script, one.measure, role, one.before, one.after, asked, following):
            yield replace(told, owner=owner)


def _working_times(
    script: Script, placed: Sequence[_Placed], asked: str | None
) -> WorkingTimesRead:
    if asked not in (None, "seniority", *SENIORITY_CALCULATORS):
        return NO_WORKING_TIMES
    free = frozenset(
        at
        for at, one in enumerate(placed)
        if one.role in _FREE_ROLES or (one.measure.kind == "date" and one.role in _DATE_ROLES)
    )
    return working_times(script.text, script.lexicon, [one.measure for one in placed], free=free)


def _of_working_times(
    script: Script, times: WorkingTimesRead, placed: Sequence[_Placed]
) -> Iterator[Told]:
    """Yield stretches of working time; where they are all that was told, also the service."""
    owner = _owner(script, times.at)
    if times.pay_basis is not None:
        yield Told("pay_basis", times.pay_basis, owner)
    if not times.periods:
        return
    yield Told("working_times", times.periods, owner)
    lengths = [one.months for one in times.periods]
    others = any(
        at not in times.taken and (one.measure.day or one.role in ("seniority", "served"))
        for at, one in enumerate(placed)
        if one.measure.kind in ("duration", "date")
    )
    whole = len(lengths) > 1 or not _is_since(times.periods[0])
    if whole and not others and None not in lengths:
        total = sum((months for months in lengths if months is not None), Fraction(0))
        yield Told("seniority_months", total, owner, certain=False)


def _is_since(one: WorkingTimeTold) -> bool:
    """Whether a stretch is told from its beginning on, so that another may have come before."""
    return bool(one.place) and not one.worked


def _years_named(
    script: Script, placed: Sequence[_Placed], times: WorkingTimesRead, asked: str | None
) -> dict[int, Meaning]:
    """Return whether years that no words name are an age or a service, by their place."""
    if asked not in SENIORITY_CALCULATORS:
        return {}
    durations = [
        (at, one)
        for at, one in enumerate(placed)
        if one.measure.kind == "duration" and at not in times.taken and not one.measure.weeks
    ]
    ages = [at for at, one in durations if is_age(one.measure, one.role, one.before, one.after)]
    bare = [
        (at, one.measure)
        for at, one in durations
        if at not in ages and not one.role and one.measure.years_only and not is_served(one.before)
    ]
    service = [
        one.measure.value
        for at, one in durations
        if at not in ages
        and (
            one.role in ("seniority", "served") or (not one.role and (at, one.measure) not in bare)
        )
    ]
    known = KnownYears(
        age=bool(ages) or bool(_AGE.search(script.text)),
        service=float(service[0]) / _MONTHS_A_YEAR if service else _service_of_dates(placed),
    )
    values = [float(measure.value) / _MONTHS_A_YEAR for _, measure in bare]
    named = meanings(values, known)
    return {at: name for (at, _), name in zip(bare, named, strict=True) if name}


def _service_of_dates(placed: Sequence[_Placed]) -> float | None:
    """Return a service of 0 where a first day is told, which leaves any age possible."""
    return 0.0 if any(one.role in ("entry", "from") for one in placed) else None


def _of_ranges(text: str, found: Sequence[Measure]) -> set[int]:
    """Return which durations are the bounds of a range or two of which one holds: none is told."""
    inside: set[int] = set()
    for at, one in enumerate(found):
        if one.kind != "duration":
            continue
        before = text[max(0, one.start - _RANGE_CHARACTERS) : one.start]
        if _RANGE_NUMBER.search(before):
            inside.add(at)
        earlier = found[at - 1] if at else None
        if earlier and earlier.kind == "duration" and _are_range(text, earlier, one):
            inside |= {at - 1, at}
    return inside


def _are_range(text: str, first: Measure, second: Measure) -> bool:
    """Whether two measures are "6 mois à 2 ans", or "entre 6 mois et 2 ans"."""
    words = text[first.stop : second.start]
    if _AND.fullmatch(words):
        return bool(_BETWEEN.search(text[max(0, first.start - _RANGE_CHARACTERS) : first.start]))
    return bool(_EITHER.fullmatch(words))


def _tail(text: str) -> str:
    last = None
    for found in _BREAK.finditer(text):
        last = found.end()
    return text[last:] if last else text


def _head(text: str) -> str:
    found = _BREAK.search(text)
    return text[: found.start()] if found else text


def _owner(script: Script, at: int) -> str:
    """Return the last person before a place of its sentence: own, other, pronoun, or nobody."""
    if script.lexicon is not SPACED:
        return ""
    last = ""
    for found in PERSON.finditer(_tail(script.text[max(0, at - NEAR_CHARACTERS) : at])):
        last = found.lastgroup or ""
    return last


def _of_names(script: Script) -> Iterator[Told]:
    spans = [
        found.span()
        for named in script.lexicon.named
        if named.field in _SPANNED
        for found in named.pattern.finditer(script.text)
    ]
    for named in script.lexicon.named:
        for found in named.pattern.finditer(script.text):
            if named.field == "contract" and any(a <= found.start() < b for a, b in spans):
                continue
            value = _value_named(script, named, found.start())
            if value is not None:
                yield Told(named.field, value, _owner(script, found.start()), found.start())


def _value_named(script: Script, named: Named, at: int) -> str | bool | None:
    """Return what a name tells; a denied one says no where it is a yes or no, else nothing."""
    if not script.lexicon.denied.search(_tail(script.text[max(0, at - _DENIAL_CHARACTERS) : at])):
        return named.value
    return False if named.value is True else None


def _codes(script: Script) -> Iterator[Told]:
    for name, pattern in script.lexicon.coded:
        for found in pattern.finditer(script.text):
            yield Told(name, found["code"].upper(), "", found.start())


def _ages(script: Script) -> Iterator[Told]:
    for found in _AGE.finditer(script.text):
        yield Told("age", int(found["age"]), "", found.start())


def _case(told: Sequence[Told], *, is_employer: bool, asked: str | None) -> CaseFacts:
    """Return the facts that have one value; those of somebody else count where none are own."""
    by_field: dict[str, list[Told]] = defaultdict(list)
    for one in told:
        other = one.owner == "other" or (one.owner == "pronoun" and not is_employer)
        if asked is None and (other or (not one.owner and not one.certain)):
            continue
        by_field[one.field].append(replace(one, owner="other" if other else "own"))
    values: dict[str, object] = {}
    for field, ones in by_field.items():
        own = [one for one in ones if one.owner == "own"] or ones
        if field == "absence":
            values["absences"] = _absences(own)
            continue
        value = _single(field, own)
        if value is not None:
            values["class_" if field == "class" else field] = value
    if isinstance(values.pop("net_pay", None), bool) and "gross_monthly" in values:
        values["net_monthly"] = values.pop("gross_monthly")
        values.pop("gross_said", None)
    return CaseFacts(**values)  # type: ignore[arg-type]  # the fields are those of CaseFacts


def _single(field: str, ones: Sequence[Told]) -> object | None:
    """Return the one value of a field, the certain ones first; None where there are several."""
    corrected = [one for one in ones if one.corrects]
    if corrected:
        return corrected[-1].value
    certain = [one for one in ones if one.certain] or list(ones)
    certain = [one for one in certain if one.named] or certain
    if field in ("ending", "unfitness", "deadline"):
        return certain[0].value
    if field == "category" and any(one.value == "non_cadre" for one in certain):
        return "non_cadre"
    different = {one.value for one in certain}
    return different.pop() if len(different) == 1 else None


def _absences(ones: Sequence[Told]) -> tuple[AbsenceTold, ...]:
    months: dict[str, Fraction] = defaultdict(Fraction)
    for one in ones:
        reason, length = str(one.value).split(":")
        months[reason] += Fraction(length)
    return tuple(AbsenceTold(reason, length) for reason, length in months.items())
