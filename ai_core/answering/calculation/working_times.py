"""The stretches of full and part time of a case, to which indemnities are in proportion.

Code du travail, L3123-5. Part time through the whole contract changes nothing: the pay is what it
is. What matters besides the lengths is which working time the pay told is of.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction

from ai_core.answering.calculation.filling import Filling, day_told, monthly_gross, written
from ai_core.answering.understanding.cases.replies import LENGTH, PAY_BASIS, SHARE
from ai_core.answering.understanding.cases.working_time_mentions import FULL_TIME
from ai_core.answering.understanding.cases.working_times import WorkingTimeTold
from ai_core.calculators.dates import DAYS_PER_MONTH, add_months, day_after, whole_months


def fill_working_times(filling: Filling) -> None:
    """Give the stretches where full time and part time alternate, or ask what they lack."""
    told = filling.facts.working_times or ()
    total = _service_months(filling)
    if total is None or not _are_mixed(told):
        return
    periods = _with_lengths(filling, told, total)
    if periods is None:
        filling.inputs.ask(LENGTH)
        return
    if len(periods) == 1:
        return
    if any(one.share is None for one in periods):
        filling.inputs.ask(SHARE)
        return
    _give(filling, _by_pay(filling, periods))


def _are_mixed(told: Sequence[WorkingTimeTold]) -> bool:
    """Whether part time is told as a stretch of the contract, not as the whole of it."""
    if all(one.share == FULL_TIME for one in told):
        return False
    only = told[0]
    tells_when = only.months is not None or only.since is not None or only.changed
    return len(told) > 1 or tells_when or only.place == "earlier"


def _service_months(filling: Filling) -> Fraction | None:
    """Return the months of service, None where they are not known yet."""
    facts = filling.facts
    entry = _day(facts.entry)
    if entry is not None:
        last = _day(facts.exit) or _day(facts.notice) or filling.today
        return _months_between(entry, last)
    return None if facts.seniority_bound else facts.seniority_months


def _months_between(first: date, last: date) -> Fraction:
    """Return the months of two days, both included; what is left of one in days of 1/30.4375."""
    end = day_after(last)
    whole = whole_months(first, end)
    return whole + Fraction((end - add_months(first, whole)).days) / DAYS_PER_MONTH


def _day(told: str | None) -> date | None:
    if told is None or len(told) == len("2019"):
        return None
    return date.fromisoformat(told if len(told) > len("2019-03") else f"{told}-01")


def _with_lengths(
    filling: Filling, told: Sequence[WorkingTimeTold], total: Fraction
) -> list[WorkingTimeTold] | None:
    """Return the stretches with their lengths, which make the whole service; None: one is open.

    A single one without a length, and what no stretch is told of, is the rest of the service.
    """
    known = [_with_length(filling, one) for one in told]
    rest = total - sum((one.months or Fraction(0) for one in known), Fraction(0))
    unknown = [one for one in known if one.months is None]
    if rest < 0 or len(unknown) > 1 or (unknown and (not rest or len(known) == 1)):
        return None
    if unknown:
        return [replace(one, months=rest) if one.months is None else one for one in known]
    if not rest:
        return known
    if any(one.share == FULL_TIME for one in known):
        return None
    full = WorkingTimeTold(FULL_TIME, rest)
    return [*known, full] if known[-1].place == "earlier" else [full, *known]


def _with_length(filling: Filling, one: WorkingTimeTold) -> WorkingTimeTold:
    facts = filling.facts
    if one.months is not None or one.since is None:
        return one
    since = day_told(filling, one.since, "part_time")
    last = _day(facts.exit) or _day(facts.notice) or filling.today
    if since is None or since >= last:
        return one
    return replace(one, months=_months_between(since, last))


def _by_pay(filling: Filling, periods: Sequence[WorkingTimeTold]) -> list[WorkingTimeTold]:
    """Return the stretches, last the one whose pay was told: the salary is that of the last.

    Where nobody says which pay it is, that of the end of the contract is taken, and asked for.
    """
    facts = filling.facts
    full = [one for one in periods if one.share == FULL_TIME]
    part = [one for one in periods if one.share != FULL_TIME]
    basis = facts.pay_basis
    if basis is None:
        basis = "full_time" if part[-1].place == "earlier" else "part_time"
        filling.inputs.doubt(PAY_BASIS)
    if basis == "full_time" and not full:
        basis = "part_time"
    _assume_pay(filling, basis, part)
    return [*part, *full] if basis == "full_time" else [*full, *part]


def _assume_pay(filling: Filling, basis: str, part: Sequence[WorkingTimeTold]) -> None:
    monthly = monthly_gross(filling.facts, filling.today, filling.inputs)
    share = part[-1].share
    if monthly is not None and share is not None:
        key = f"pay_of_{basis}"
        filling.inputs.assume(key, amount_euros=monthly, part_time_share=share)
    if basis == "full_time" and part[-1].place != "earlier":
        filling.inputs.withdraw("same_pay")


def _give(filling: Filling, periods: Sequence[WorkingTimeTold]) -> None:
    filling.give("working_time_periods", list(_written(periods)))
    part = [one for one in periods if one.share != FULL_TIME]
    months = sum((one.months or Fraction(0) for one in periods), Fraction(0))
    part_months = sum((one.months or Fraction(0) for one in part), Fraction(0))
    shares = {one.share for one in part}
    if len(shares) == 1 and (share := shares.pop()) is not None:
        filling.inputs.assume(
            "working_times",
            full_time_months=months - part_months,
            part_time_months=part_months,
            part_time_share=share,
        )


def _written(periods: Sequence[WorkingTimeTold]) -> Iterator[dict[str, str]]:
    for one in periods:
        if one.months and one.share:
            yield {"months": written(one.months), "share": written(one.share)}
