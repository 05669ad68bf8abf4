"""The inputs of all calculators, their kinds and units, and how a request's JSON becomes facts.

Names and labels are those of the public API. Numbers become Fractions of the decimal written, so
that nothing is lost before the official rounding. Long since it lists every input.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache
from typing import Literal

from ai_core.errors import WrongInputs

Kind = Literal[
    "label", "boolean", "number", "date", "salaries", "absences", "salary", "working_times"
]
"""`label` is a choice: of the agreement where its rules have that input, else of `choices` here."""
Unit = Literal["months", "years", "euros", "days", "hours", "percent", "weeks"]

LARGEST_NUMBER = 10_000_000
EARLIEST_DAY, LATEST_DAY = date(1930, 1, 1), date(2100, 12, 31)
_LARGEST: Mapping[Unit | None, int] = {
    "years": 120,
    "months": 1_440,
    "weeks": 6_264,
    "days": 44_000,
    "hours": 168,
    "percent": 1_000,
}
_LONGEST_NUMBER, _MOST_DECIMALS = 40, 20
_NUMBER = re.compile(r"[+-]?[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]{1,2})?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
LONGEST_LIST = 120
LONGEST_LABEL = 300

ABSENCE_REASONS = (
    "non_occupational_sickness",
    "occupational_sickness_or_accident",
    "commuting_accident",
    "maternity_or_adoption_leave",
    "paternity_leave",
    "parental_leave",
    "parental_leave_full_time",
    "sabbatical_leave",
    "business_creation_leave",
    "personal_convenience_leave",
    "unpaid_leave",
    "sick_child_leave",
    "unjustified_absence",
    "strike",
    "suspension",
    "other",
)


@dataclass(frozen=True, slots=True)
class SalaryMonth:
    """The gross pay of one month, in euros; `amount` includes `bonus`.

    `month` is "MM" or "YYYY-MM" as given.
    """

    month: str
    amount: Fraction
    bonus: Fraction


@dataclass(frozen=True, slots=True)
class Absence:
    """An absence of `months` months; `start` is its first day where given."""

    reason: str
    months: Fraction
    start: date | None


@dataclass(frozen=True, slots=True)
class WorkingTime:
    """A stretch of the contract, in months, at a share of full time: 1 is full time."""

    months: Fraction
    share: Fraction


Answer = (
    str
    | bool
    | Fraction
    | date
    | tuple[SalaryMonth, ...]
    | tuple[Absence, ...]
    | tuple[WorkingTime, ...]
)
Facts = Mapping[str, Answer]


@dataclass(frozen=True, slots=True)
class Input:
    """One input: its kinds (the first is the usual one), the unit of a number, its choices."""

    kinds: tuple[Kind, ...]
    unit: Unit | None = None
    choices: tuple[str, ...] = ()


def _numbers(unit: Unit | None, *names: str) -> dict[str, Input]:
    return {name: Input(("number",), unit) for name in names}


_LABEL = Input(("label",))
_BOOLEAN = Input(("boolean",))
_DATE = Input(("date",))
_BOOLEANS = (
    *("gross_misconduct", "disabled_worker", "unfitness_work_related", "on_sick_leave"),
    *("economic_dismissal", "collective_economic_dismissal", "disciplinary_dismissal"),
    *("unfitness_non_work_related", "refused_mobility_clause", "rules_before_2023_05_01"),
    *("pension_age_reached", "pension_conditions_met", "dismissed_for_absences"),
    *("was_non_executive", "was_employee_or_technician", "was_executive_before_2024"),
    *("executive_15_years_or_more", "is_executive", "supervisor_or_executive"),
    *("day_rate", "always_day_rate", "has_been_day_rate", "has_variable_pay", "has_commission"),
    *("driving_incapacity_definitive", "childcare_approval_withdrawn", "operation_contract"),
    *("dismissed_in_trial_period", "passenger_driver", "goods_transport_staff"),
    *("contract_after_2019_07_01", "ended_in_trial_period", "hired_permanently_at_end"),
    *("refused_permanent_offer", "early_end_by_employee_misconduct_or_force_majeure"),
    *("refused_agreed_renewal", "temp_training_assignment", "temp_hired_permanently_at_end"),
    *("temp_early_end_by_employee_misconduct_or_force_majeure", "temp_refused_flexible_end_date"),
    *("agreement_hired_permanently_at_end", "agreement_hired_permanently_without_gap"),
    *("agreement_permanent_offer_made", "alsace_moselle", "renewed"),
    "had_non_occupational_sickness",
    *("renewal_in_extended_agreement", "internship_in_same_job"),
)
_LABELS = (
    *("category", "seniority_band", "age_band", "notice_length_band", "working_time", "class"),
    *("contract_date_band", "termination_reason", "fixed_term_type", "absences_total_band"),
    "deadline",
)

INPUTS: dict[str, Input] = {
    "contract": Input(("label",), choices=("CDI", "CDD", "CTT")),
    **dict.fromkeys(_LABELS, _LABEL),
    "legal_seniority_band": _LABEL,
    **{
        name: Input(("label", "number"), unit)
        for name, unit in (("level", None), ("group", None), ("coefficient", None), ("step", None))
    },
    "housed": Input(("label", "boolean")),
    "driving_incapacity": Input(("boolean", "label"), choices=("definitive", "temporary")),
    "initiator": Input(("label",), choices=("employee", "employer")),
    "purpose": Input(("label",), choices=("amount", "right")),
    "age_at": Input(("label",), choices=("notice_date", "contract_end", "notice_end", "exit_date")),
    "trial_end_initiator": Input(("label",), choices=("L'employeur", "Le salarié")),
    "termination_type": Input(
        ("label",),
        choices=(
            "Démission",
            "Licenciement",
            "Rupture de la période d'essai",
            "Rupture conventionnelle",
            "Démission ou licenciement",
        ),
    ),
    **dict.fromkeys(_BOOLEANS, _BOOLEAN),
    **dict.fromkeys(
        (
            *("entry_date", "notice_date", "exit_date", "category_change_date", "day_rate_since"),
            "start_date",
        ),
        _DATE,
    ),
    **_numbers(
        "months",
        *("seniority_months", "operation_contract_months", "contract_months", "internship_months"),
        *("presence_months", "worked_months", "sickness_months"),
    ),
    **_numbers("days", "presence_days", "leave_days_taken"),
    **_numbers("hours", "overtime_hours", "weekly_hours"),
    **_numbers("percent", "agreement_overtime_rate", "agreement_overtime_next_rate"),
    **_numbers(
        "years",
        *("seniority_years", "right_seniority_years", "age", "non_executive_years"),
        "executive_years",
        "total_seniority_years",
        *("seniority_years_before_executive", "legal_seniority_years"),
        *("legal_right_seniority_years", "agreement_seniority_years"),
        "agreement_right_seniority_years",
    ),
    **_numbers(
        "euros",
        *("reference_salary", "legal_reference_salary", "agreement_reference_salary"),
        *("total_gross_pay", "total_pay_whole_contract", "last_3_months_average_pay"),
        *("pay_year_1", "pay_year_2", "pay_year_3_on", "variable_pay_total"),
        *("hourly_pay", "monthly_pay", "maintained_pay", "reference_period_pay"),
        "pay_of_sickness",
    ),
    **_numbers(None, "full_semesters_since_2002", "full_semesters_before_2002"),
    **_numbers("weeks", "contract_weeks"),
    "salaries": Input(("salaries",)),
    "notice_salaries": Input(("salaries",)),
    "last_month_salary": Input(("salary",)),
    "absences": Input(("absences",)),
    "working_time_periods": Input(("working_times",)),
}
"""Every input by name. A module with inputs of its own adds them with `declare`."""


def declare(inputs: Mapping[str, Input]) -> None:
    """Add inputs; raises ValueError for a name that is taken by another kind of input."""
    for name, added in inputs.items():
        if INPUTS.setdefault(name, added) != added:
            raise ValueError(f"the input {name} is declared twice, differently")


@lru_cache(maxsize=8192)
def plain(label: str) -> str:
    """Return a label as it is compared: case, spaces and the kind of apostrophe do not count."""
    composed = unicodedata.normalize("NFC", label).replace("’", "'").replace("‑", "-")
    return " ".join(composed.split()).casefold()


class _Unreadable(ValueError):
    """A value is not of the kind wanted; the message is the reason code, for the error's field."""

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(reason)
        self.field = field


def parse(
    given: Mapping[str, object], choices: Mapping[str, tuple[str, ...]], known: Iterable[str]
) -> dict[str, Answer]:
    """Return the facts in the JSON object of a request.

    `choices` are the labels each input may take here; an input without any takes every label.
    `known` are the inputs of the calculator. A null is an input not given. Raises WrongInputs with
    one fault for each input at fault: `unknown_input`, `unknown_label` (with the labels), or what
    kind of value was expected.
    """
    facts: dict[str, Answer] = {}
    faults: list[dict[str, object]] = []
    names = frozenset(known)
    for name, value in given.items():
        if value is None:
            continue
        if name not in names:
            faults.append({"field": f"inputs.{name}", "reason": "unknown_input"})
            continue
        try:
            facts[name] = _read(INPUTS[name], value, choices.get(name, INPUTS[name].choices))
        except _Unreadable as problem:
            faults.append(_fault(name, problem, choices.get(name, INPUTS[name].choices)))
    faults += _order_of_dates(facts)
    if faults:
        raise WrongInputs(faults)
    return {**facts, **_incapacity(facts)}


def _incapacity(facts: Facts) -> dict[str, Answer]:
    """Return an incapacity to drive that is told as a label as the booleans that rules know."""
    told = facts.get("driving_incapacity")
    if not isinstance(told, str):
        return {}
    return {"driving_incapacity": True, "driving_incapacity_definitive": told == "definitive"}


def _fault(name: str, problem: _Unreadable, choices: tuple[str, ...]) -> dict[str, object]:
    fault: dict[str, object] = {
        "field": f"inputs.{name}{problem.field}",
        "reason": str(problem),
    }
    if choices and str(problem) == "unknown_label":
        fault["choices"] = list(choices)
    return fault


def _order_of_dates(facts: Facts) -> list[dict[str, object]]:
    """A contract cannot end before it began. With a `purpose` only one of the ends matters, and the
    calculator looks at it.
    """
    entry = facts.get("entry_date")
    ends = () if "purpose" in facts else ("notice_date", "exit_date")
    return [
        {"field": f"inputs.{name}", "reason": "before_entry_date"}
        for name in ends
        if isinstance(entry, date) and isinstance(end := facts.get(name), date) and end < entry
    ]


def _read(wanted: Input, value: object, choices: tuple[str, ...]) -> Answer:
    """Read a value as the first of the input's kinds that takes it; where no labels are known, a
    label comes last, so that "3" is the number.
    """
    problem: _Unreadable | None = None
    for kind in wanted.kinds if choices else sorted(wanted.kinds, key="label".__eq__):
        try:
            answer = _READERS[kind](value, choices)
            return _within(answer, wanted.unit) if isinstance(answer, Fraction) else answer
        except _Unreadable as failed:
            if problem is None or str(failed) == "unknown_label":
                problem = failed
    raise problem or _Unreadable("unknown_input")


def _label(value: object, choices: tuple[str, ...]) -> Answer:
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_LABEL:
        raise _Unreadable("label_expected")
    if not choices:
        return value
    wanted = plain(value)
    for choice in choices:
        if plain(choice) == wanted:
            return choice
    raise _Unreadable("unknown_label")


def _boolean(value: object, _choices: tuple[str, ...]) -> Answer:
    if not isinstance(value, bool):
        raise _Unreadable("boolean_expected")
    return value


def _number(value: object, _choices: tuple[str, ...] = ()) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise _Unreadable("number_expected")
    if isinstance(value, int) and not 0 <= value <= LARGEST_NUMBER:
        raise _Unreadable("number_out_of_range")
    if isinstance(value, str) and not _is_number(value):
        raise _Unreadable("number_expected")
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise _Unreadable("number_expected") from None
    if not number.is_finite():
        raise _Unreadable("number_expected")
    if not 0 <= number <= LARGEST_NUMBER:
        raise _Unreadable("number_out_of_range")
    # Beyond that many decimals nothing is meant, and a fraction would have a huge denominator.
    return Fraction(round(number, _MOST_DECIMALS))


def _is_number(written: str) -> bool:
    """Whether a text is a number in plain digits: no other script's, no "1_000", no "1e-5000"."""
    return len(written) <= _LONGEST_NUMBER and bool(_NUMBER.fullmatch(written.strip()))


def _within(number: Fraction, unit: Unit | None) -> Fraction:
    """Return a number that can be meant: nobody works 200 years."""
    if number > _LARGEST.get(unit, LARGEST_NUMBER):
        raise _Unreadable("number_out_of_range")
    return number


def _date(value: object, _choices: tuple[str, ...] = ()) -> date:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise _Unreadable("date_expected")
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise _Unreadable("date_expected") from None
    if not EARLIEST_DAY <= day <= LATEST_DAY:
        raise _Unreadable("date_out_of_range")
    return day


def _entries(value: object, kind: str) -> list[Mapping[str, object]]:
    if not isinstance(value, list) or len(value) > LONGEST_LIST:
        raise _Unreadable(f"{kind}_expected")
    for index, entry in enumerate(value):
        if not isinstance(entry, dict):
            raise _Unreadable(f"{kind}_expected", f".{index}")
    return value


def _only(entry: Mapping[str, object], allowed: tuple[str, ...], field: str) -> None:
    for name in entry:
        if name not in allowed:
            raise _Unreadable("unknown_input", f"{field}.{name}")


def _month(entry: Mapping[str, object], field: str) -> SalaryMonth:
    _only(entry, ("month", "amount", "bonus"), field)
    month = entry.get("month")
    written = str(month) if month is not None else ""
    if written and not _is_month(written):
        raise _Unreadable("month_expected", f"{field}.month")
    read = {}
    for name in ("amount", "bonus"):
        value = entry.get(name)
        try:
            read[name] = Fraction(0) if value is None else _number(value)
        except _Unreadable as problem:
            raise _Unreadable(str(problem), f"{field}.{name}") from None
    return SalaryMonth(written, read["amount"], read["bonus"])


def _is_month(written: str) -> bool:
    year, _, month = written.rpartition("-")
    fits = bool(re.fullmatch("[0-9]{1,2}", month)) and 1 <= int(month) <= 12
    return fits and (not year or bool(re.fullmatch("[0-9]{4}", year)))


def _salaries(value: object, _choices: tuple[str, ...]) -> Answer:
    entries = _entries(value, "salaries")
    return tuple(_month(entry, f".{index}") for index, entry in enumerate(entries))


def _salary(value: object, _choices: tuple[str, ...]) -> Answer:
    if not isinstance(value, dict):
        raise _Unreadable("salary_expected")
    return (_month(value, ""),)


def _absences(value: object, _choices: tuple[str, ...]) -> Answer:
    found = []
    for index, entry in enumerate(_entries(value, "absences")):
        field = f".{index}"
        _only(entry, ("reason", "months", "start"), field)
        reason = entry.get("reason")
        if reason not in ABSENCE_REASONS:
            raise _Unreadable("unknown_label", f"{field}.reason")
        try:
            months = _within(_number(entry.get("months")), "months")
        except _Unreadable as problem:
            raise _Unreadable(str(problem), f"{field}.months") from None
        start = entry.get("start")
        try:
            first_day = None if start is None else _date(start)
        except _Unreadable as problem:
            raise _Unreadable(str(problem), f"{field}.start") from None
        found.append(Absence(str(reason), months, first_day))
    return tuple(found)


def _working_times(value: object, _choices: tuple[str, ...]) -> Answer:
    found = []
    for index, entry in enumerate(_entries(value, "working_times")):
        field = f".{index}"
        _only(entry, ("months", "share"), field)
        read = {}
        for name in ("months", "share"):
            try:
                number = _number(entry.get(name))
                read[name] = _within(number, "months") if name == "months" else number
            except _Unreadable as problem:
                raise _Unreadable(str(problem), f"{field}.{name}") from None
            if not read[name] or (name == "share" and read[name] > 1):
                raise _Unreadable("number_out_of_range", f"{field}.{name}")
        found.append(WorkingTime(read["months"], read["share"]))
    return tuple(found)


_READERS: dict[Kind, Callable[[object, tuple[str, ...]], Answer]] = {
    "label": _label,
    "boolean": _boolean,
    "number": _number,
    "date": _date,
    "salaries": _salaries,
    "salary": _salary,
    "absences": _absences,
    "working_times": _working_times,
}
