"""Hours off to look for a job during the notice: the agreement alone, since the Code gives none.

The value is printed the way the public API fixes it ("2 h/jour pendant 2 mois max"); `terms` and
`conditions` hold the same for programs.
"""

from collections.abc import Mapping

from ai_core.calculators.hours_in_words import PrintedHours
from ai_core.calculators.outcomes import Alternative, HoursOutcome
from ai_core.calculators.records import NO_HOURS, Calculation, Side, Step
from ai_core.calculators.rulebook import Case, Ruling, rule_of_agreement, warnings_of

_DAYS = {
    "worked": "jour travaillé",
    "ouvré": "jour ouvré",
    "ouvrable": "jour ouvrable",
    "practice_open": "jour d'ouverture du cabinet",
}
_PER = {"day": "jour", "week": "semaine", "month": "mois"}
_OF = {
    "daily_working_time": "de la durée quotidienne",
    "weekly_contract_hours": "de l'horaire hebdomadaire contractuel",
}
_TERMS = (
    *("hours", "days", "half_days", "percent", "of", "per", "day_kind", "basis", "maximum"),
    *("max_days", "max_months", "cap_hours", "cap_per", "condition", "part_time_prorata"),
    *("prorata_contract_hours", "part_time_minimum_hours_per_week"),
)
_CONDITIONS = (
    *("paid", "paid_up_to_hours", "chosen_alternately", "can_be_grouped"),
    *("ends_when_job_found", "unused_hours_unpaid"),
)


def calculate(case: Case) -> Calculation:
    """Return the hours of a case; the value is NO_HOURS where there are none."""
    ruling = rule_of_agreement(case)
    if ruling.question is not None:
        return Calculation(case.calculator, case.idcc, case.as_of, missing=(ruling.question,))
    legal = Side(NO_HOURS, steps=(Step("no_hours_of_code", {}, NO_HOURS),))
    own = None if ruling.row is None else _side(ruling, ruling.row.outcome)
    chosen = legal if own is None else own
    return Calculation(
        case.calculator,
        case.idcc,
        case.as_of,
        value=chosen.value,
        unit=chosen.unit,
        source="legal" if own is None else "agreement",
        is_minimum=case.idcc is not None and not ruling.held,
        comparison="legal_only" if own is None else "agreement_only",
        steps=chosen.steps,
        sources=chosen.sources,
        legal=legal,
        agreement=own,
        terms=chosen.terms,
        conditions=chosen.conditions,
        warnings=warnings_of(case, ruling),
    )


def _side(ruling: Ruling, outcome: HoursOutcome) -> Side:
    if outcome.none:
        step = Step("no_hours_of_clause", {}, NO_HOURS, None, ruling.source_id)
        return Side(NO_HOURS, steps=(step,), sources=ruling.sources)
    value, unit = PrintedHours(printed(outcome), outcome), _unit(outcome)
    return Side(
        value,
        unit,
        steps=(Step("hours_of_clause", {}, value, unit, ruling.source_id),),
        sources=ruling.sources,
        terms=_given(outcome, _TERMS),
        conditions=_given(outcome, _CONDITIONS),
    )


def _given(outcome: HoursOutcome, names: tuple[str, ...]) -> Mapping[str, object]:
    """Return the fields that the row sets, by name; a False of `_TERMS` says nothing."""
    found: dict[str, object] = {}
    for name in names:
        value = getattr(outcome, name)
        if value is None or (value is False and name in _TERMS):
            continue
        found[name] = value
    if outcome.other is not None and names is _TERMS:
        found["or"] = outcome.other.model_dump(exclude_none=True)
    return found


def _unit(outcome: HoursOutcome) -> str:
    if outcome.percent is not None:
        return "%"
    return "jours" if outcome.days is not None else "heures"


def printed(outcome: HoursOutcome) -> str:
    """Return the hours as they are printed."""
    text = _amount(outcome) + _period(outcome)
    if outcome.other is not None:
        text += f" ou {_alternative(outcome.other)}"
    if outcome.or_hours:
        text += ", ou équivalent en heures"
    if outcome.max_days is not None:
        text += f" pendant {_days(outcome.max_days, None, outcome.day_kind)}"
    if outcome.max_months is not None:
        text += f" pendant {_number(outcome.max_months)} mois"
        text += " max" if outcome.months_are_maximum else ""
    if outcome.maximum:
        text += " max"
    if outcome.cap_hours is not None:
        text += f" ; max {_hours(outcome.cap_hours)}"
        text += f"/{_PER[outcome.cap_per]}" if outcome.cap_per in _PER else ""
    marks = (
        ("prorata contract hours", outcome.prorata_contract_hours),
        ("part time: prorata", outcome.part_time_prorata),
        (outcome.condition, outcome.condition is not None),
    )
    return text + "".join(f" [{mark}]" for mark, shown in marks if shown)


def _number(amount: float) -> str:
    return f"{amount:g}".replace(".", ",")


def _hours(amount: float | str) -> str:
    return "durée hebdomadaire" if isinstance(amount, str) else f"{_number(amount)} h"


def _amount(outcome: HoursOutcome) -> str:
    if outcome.percent is not None and outcome.of is not None:
        return f"{_number(outcome.percent)} % {_OF[outcome.of]}"
    if outcome.hours == "weekly_working_time":
        return f"durée hebdomadaire ({outcome.basis})"
    if outcome.hours is not None:
        return _hours(outcome.hours)
    if outcome.days is None:
        return "facilités d'absence"
    return _days(outcome.days, outcome.half_days, outcome.day_kind)


def _days(days: float | None, half_days: float | None, day_kind: str | None) -> str:
    parts = []
    if days is not None:
        kind = f" {day_kind}" if day_kind else ""
        plural = "s" if days > 1 else ""
        parts.append(f"{_number(days)} jour{plural}{kind}{plural if kind else ''}")
    if half_days is not None:
        parts.append(f"{_number(half_days)} demi-journée{'s' if half_days > 1 else ''}")
    return " ou ".join(parts)


def _period(outcome: HoursOutcome) -> str:
    if outcome.per in (None, "total"):
        return ""
    if outcome.per == "two_weeks":
        return " pour 2 semaines de travail"
    named = outcome.day_kind if outcome.max_days is None else None
    if outcome.per == "day" and outcome.hours is not None and named is not None:
        return f"/{_DAYS[named]}"
    return f"/{_PER[outcome.per]}{' de préavis' if outcome.of_notice else ''}"


def _alternative(other: Alternative) -> str:
    amount = (
        f"{_number(other.hours)} h"
        if other.hours is not None
        else _days(other.days, other.half_days, None)
    )
    return amount if other.per == "total" else f"{amount}/{_PER.get(other.per, '2 semaines')}"
