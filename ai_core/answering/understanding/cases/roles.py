"""What a measure is a measure of: the words beside it decide, then what is asked for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from ai_core.answering.understanding.cases.lexicon import Lexicon, Measure

_MONTHS_A_YEAR = 12
_YOUNGEST_YEARS, _OLDEST_YEARS = 16, 80
_LEAST_MONTHLY_EUR, _MOST_MONTHLY_EUR = 200, 60_000
_LEAST_YEARLY_EUR, _MOST_YEARLY_EUR = 12_000, 1_200_000
_MOST_HOURLY_EUR = 200
_LEGAL_WEEK_HOURS = 35
_MOST_OVERTIME_HOURS = 25

_CORRECTS = re.compile(
    r"\b(?:i mean|je veux dire|enfin|plutot|pardon|rather|sorry|non|no|actually"
    r"|en fait)[ ,:]*(?:(?:just|only|juste|seulement|plutot|c'est|it's) )?$"
)
_AGE_BEFORE = re.compile(
    r"\b(?:j'ai|agee?s?(?: de)?|aged|ayant|il a|elle a)(?: deja| seulement)? ?$"
)
_AT_AGE = re.compile(r"\b(?:a|at) ?$")
_AT_AGE_LEAST_YEARS = 50
_SERVICE_AFTER = re.compile(
    r" ?(?:d'|de |of |in |et |dont )?(?:anciennete|boite|maison|service|seniority|\d)"
)
_SERVED_BEFORE = re.compile(
    r"\b(?:apres|au bout de|after|for|pendant|avec|with|in)(?: (?:environ|about|almost|presque"
    r"|plus de"
    r"|over))* ?$"
)
_UNDER = re.compile(r"(?:\b(?:moins d[e']|under|less than)|不到|少于|ไม่ถึง|น้อยกว่า) ?$")
_OVER = re.compile(r"(?:\b(?:plus d[e']|over|more than|au moins|at least)|超过|มากกว่า|เกิน) ?$")
_BOUND_SKIPPED = re.compile(r"(?:d'|de |of )$")
_NET = re.compile(r"\bnets?\b|take.home|到手|税后|สุทธิ|หลังหัก")
_GROSS = re.compile(r"\bbrute?s?\b|\bgross\b|税前|毛|ก่อนหัก")
_NET_NEAR, _GROSS_NEAR = 25, 14
_AT_RATE = re.compile(r"^(?!.*\btotal).*(?:^|\s)(?:a|at) (?:€ ?)?$", re.DOTALL)
"""Before a pay by the month ("un CDD de 8 mois à 1 900 brut"), which nothing calls a total."""

_PAID_NOW = re.compile(
    r"\b(?:je (?:gagne|touche|suis paye[es]*)|payee?s?|i earn|i'm paid|i am paid"
    r"|salaire mensuel)\b[^,;]{0,15}$"
)
_PAY_BEFORE = re.compile(
    r"\b(?:salaires?|gagn\w*|touch\w*|payee?s?|paie|remuner\w*|earn\w*|paid|salary|wages?|pay"
    r"|smic|on)\b[^.;?\n\d]{0,25}$"
    r"|(?:月薪|工资|薪水|收入|拿|เงินเดือน|ค่าจ้าง|ได้)[^\d]{0,8}$"
)
_SIGNS = re.compile(r"convention|solde de tout compte|sign|retract|签|协议|เซ็น")
SUM_CALCULATORS = frozenset(
    {
        "severance_pay",
        "mutual_termination_pay",
        "reference_salary",
        "end_of_contract_bonus",
        "paid_leave",
    }
)
SENIORITY_CALCULATORS = frozenset(
    {
        *("severance_pay", "mutual_termination_pay", "resignation_notice", "dismissal_notice"),
        *("retirement_notice", "notice"),
    }
)


class _Script(Protocol):
    @property
    def text(self) -> str: ...

    @property
    def lexicon(self) -> Lexicon: ...


@dataclass(frozen=True, slots=True)
class Told:
    """A fact at a place of a text; `certain`: its own words tell what it is, not what is asked;
    `named`: they call it by its name.
    """

    field: str
    value: object
    owner: str = ""
    at: int = 0
    certain: bool = True
    corrects: bool = False
    named: bool = False


def role_of(
    lexicon: Lexicon, measure: Measure, before: str, after: str, previous: str | None
) -> str:
    """Return the role that the words beside a measure give it; empty where they give none.

    `previous` is that of the measure before, None where it is of another kind.
    """
    if _CORRECTS.search(before) and previous not in (None, "excluded"):
        return f"corrects:{previous.removeprefix('corrects:')}"
    for cue in lexicon.cues:
        if cue.kind == measure.kind and cue.fits(before, after):
            return cue.role
    return ""


def told_by(
    script: _Script,
    measure: Measure,
    role: str,
    before: str,
    after: str,
    asked: str | None,
    following: Measure | None,
) -> Iterator[Told]:
    """Yield the facts that a measure tells."""
    corrects = role.startswith("corrects:")
    role = role.removeprefix("corrects:")
    if role == "excluded":
        return
    readers = {"duration": _duration, "money": _money, "hours": _hours, "days": _days}
    if measure.kind == "date":
        found = _date(script, measure, role, asked, following)
    else:
        found = readers[measure.kind](measure, role, before, after, asked)
    for field, value, certain in found:
        yield Told(
            field,
            value,
            at=measure.start,
            certain=certain,
            corrects=corrects,
            named=role == "seniority",
        )


_Found = Iterator[tuple[str, object, bool]]


_PAY_PERIOD = re.compile(
    r"\b(?:salaires?|remunerations?|payes?|paies?|bulletins?|moyen\w*|bruts?|nets?|primes?|salary"
    r"|wages|pay|payslips?|average)\b[^.;,!?]{0,40}\b(?:des|les|mes|sur|the|my|last)"
    r"(?: cours des)? $|\b(?:des|de mes|sur les|of the last|over the last) $"
)
"""What stands before the months that a pay was averaged over: no time at work."""


def _duration(measure: Measure, role: str, before: str, after: str, asked: str | None) -> _Found:
    if not role and _PAY_PERIOD.search(before):
        return
    kind, _, reason = role.partition(":")
    if kind == "absence":
        if not measure.weeks:
            yield "absence", f"{reason}:{measure.value}", True
    elif kind == "unclear":
        yield "years_unclear", int(measure.value / _MONTHS_A_YEAR), False
    elif is_age(measure, kind, before, after):
        years = measure.value / _MONTHS_A_YEAR
        if measure.years_only and _YOUNGEST_YEARS <= years <= _OLDEST_YEARS:
            yield "age", int(years), True
    else:
        yield from _time_at_work(measure, kind, before, asked)


def _time_at_work(measure: Measure, role: str, before: str, asked: str | None) -> _Found:
    months = measure.value
    if asked == "paid_leave" and role != "seniority":
        field = "worked_weeks" if measure.weeks else "worked_months"
        yield field, months, role != "contract_months" and bool(role)
    elif measure.weeks:
        if role == "contract_months" or (not role and asked == "trial_period"):
            yield "contract_weeks", months, bool(role)
    elif role == "contract_months":
        yield role, months, True
    elif not role and asked == "end_of_contract_bonus":
        yield "contract_months", months, False
    elif role or asked in SENIORITY_CALCULATORS:
        yield from _seniority(months, role, before)


def _seniority(months: Fraction, role: str, before: str) -> _Found:
    words = _BOUND_SKIPPED.sub("", before) if not _UNDER.search(before) else before
    if _UNDER.search(before):
        months, bound = max(Fraction(0), months - 1), "under"
    elif _OVER.search(before) or _OVER.search(words):
        bound = "over"
    else:
        bound = None
    yield "seniority_months", months, bool(role)
    if bound:
        yield "seniority_bound", bound, bool(role)


def is_pay(value: Fraction) -> bool:
    """Whether a sum may be the pay of a month or of a year."""
    return value >= _LEAST_MONTHLY_EUR


def is_served(before: str) -> bool:
    """Whether the words before years say that they were worked ("après 30 ans")."""
    return bool(_SERVED_BEFORE.search(before))


def is_age(measure: Measure, role: str, before: str, after: str) -> bool:
    """Whether a duration is an age, by its role or by the words beside it."""
    if role:
        return role == "age"
    years = measure.value / _MONTHS_A_YEAR
    if not measure.years_only or years < _YOUNGEST_YEARS:
        return False
    if _AT_AGE.search(before):
        return years >= _AT_AGE_LEAST_YEARS
    return bool(_AGE_BEFORE.search(before)) and not _SERVICE_AFTER.match(after)


def _money(measure: Measure, role: str, before: str, after: str, asked: str | None) -> _Found:
    net = bool(_NET.search(before[-_NET_NEAR:]) or _NET.search(after[:_GROSS_NEAR]))
    gross = bool(_GROSS.search(before[-_GROSS_NEAR:]) or _GROSS.search(after[:_GROSS_NEAR]))
    if role in ("bonus", "hourly", "total", "yearly"):
        usable = measure.value <= _MOST_HOURLY_EUR or role != "hourly"
        if usable and (gross or not net):
            yield {"bonus": "yearly_bonus"}.get(role, f"gross_{role}"), measure.value, True
        return
    says_pay = bool(role or gross or net or _PAY_BEFORE.search(before))
    if not says_pay and not _is_bare_pay(measure, asked):
        return
    monthly = role == "monthly" or (
        asked == "end_of_contract_bonus"
        and measure.value < _LEAST_YEARLY_EUR
        and bool(_AT_RATE.search(before))
    )
    told = _Sum(measure.value, monthly, net and not gross, gross, says_pay)
    if asked == "end_of_contract_bonus" and not told.monthly:
        if not told.net and not _PAID_NOW.search(before):
            yield "gross_total", told.value, says_pay
    elif asked == "overtime" and not told.monthly and told.value <= _MOST_HOURLY_EUR:
        if not told.net:
            yield "gross_hourly", told.value, says_pay
    else:
        yield from _pay(told)


def _is_bare_pay(measure: Measure, asked: str | None) -> bool:
    """Whether a sum that nothing calls pay can only be the pay that is needed."""
    if measure.marked:
        return asked in SUM_CALCULATORS | {"overtime"}
    return asked in SUM_CALCULATORS and measure.value >= _LEAST_MONTHLY_EUR


@dataclass(frozen=True, slots=True)
class _Sum:
    """A sum of pay; `certain`: its own words call it pay."""

    value: Fraction
    monthly: bool
    net: bool
    gross: bool
    certain: bool


def _pay(told: _Sum) -> _Found:
    """Yield a pay by the month, or by the year where it is too large for a month."""
    if not _LEAST_MONTHLY_EUR <= told.value <= _MOST_YEARLY_EUR:
        return
    if told.net:
        yield "net_monthly", told.value, told.certain
    elif not told.monthly and told.value >= _LEAST_YEARLY_EUR:
        yield "gross_yearly", told.value, told.certain
    elif told.value <= _MOST_MONTHLY_EUR:
        yield "gross_monthly", told.value, told.certain
        yield "gross_said", told.gross, told.certain


def _hours(measure: Measure, role: str, before: str, after: str, asked: str | None) -> _Found:
    if asked != "overtime":
        return
    if role == "overtime" and measure.value <= _MOST_OVERTIME_HOURS:
        yield "overtime_hours", measure.value, True
    elif measure.value > _LEGAL_WEEK_HOURS:
        yield "weekly_hours", measure.value, True
    elif measure.value <= _MOST_OVERTIME_HOURS:
        yield "overtime_hours", measure.value, False


def _days(measure: Measure, role: str, before: str, after: str, asked: str | None) -> _Found:
    if asked == "paid_leave" and role == "leave_days":
        yield "leave_days", measure.value, True


def _date(
    script: _Script, measure: Measure, role: str, asked: str | None, following: Measure | None
) -> _Found:
    if role == "from":
        if following and following.kind == "date":
            yield "entry", measure.day, True
        return
    if role == "to":
        role = "exit"
    begins = following is not None and following.kind == "date"
    if not role and begins and asked in ("seniority", "paid_leave"):
        yield "entry", measure.day, True
    elif not role and asked == "deadlines":
        role = "signed" if _SIGNS.search(script.text) else "notice"
        yield role, measure.day, False
    elif role:
        if asked == "deadlines" and role in ("entry", "exit"):
            return
        yield role, measure.day, True
