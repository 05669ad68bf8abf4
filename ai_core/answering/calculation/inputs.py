"""The inputs of a calculator from the facts of a case, with every assumption that this takes.

Nothing that decides is guessed: what a fact leaves open is not given, so that the calculator asks
for it. What is taken as so (a pay that nobody called gross, a contract that goes on until today) is
an assumption, told with the result.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction

from ai_core.answering.calculation.code_inputs import fill_of_the_code
from ai_core.answering.calculation.filling import (
    MONTHS_A_YEAR,
    Filling,
    Inputs,
    day_told,
    first_of_next,
    monthly_gross,
    written,
)
from ai_core.answering.calculation.labels import (
    coded_label,
    fitting_labels,
    group_label,
    replied_label,
    trade_label,
)
from ai_core.answering.calculation.spoken_trades import told_in_french
from ai_core.answering.calculation.working_times import fill_working_times
from ai_core.answering.understanding.cases.replies import YEARS
from ai_core.answering.understanding.cases.thread import CaseAsked
from ai_core.calculators.wording import wording
from shared.languages import LANGUAGES

_PAID = ("severance_pay", "mutual_termination_pay")
_NOTICES = ("resignation_notice", "dismissal_notice", "retirement_notice")
_TERMINATIONS: Mapping[str, str] = {
    "resignation": "Démission",
    "dismissal": "Licenciement",
    "mutual_termination": "Rupture conventionnelle",
    "trial_period": "Rupture de la période d'essai",
}
_REASONS: Mapping[str, str] = {
    "sickness": "non_occupational_sickness",
    "work_accident": "occupational_sickness_or_accident",
}
_YES = frozenset("oui yes ouais si exact exactement ok y o ใช่ ครับ ค่ะ 是 是的 对 有 会 要".split())  # noqa: SIM905
_NO = frozenset("non no aucun aucune pas nope n ไม่ ไม่ใช่ ไม่มี 不 不是 没有 没 否".split())  # noqa: SIM905
_REASONS_IN_THE_PERSON = (
    *("dismissed_for_absences", "disciplinary_dismissal", "refused_mobility_clause"),
    *("driving_incapacity", "unfitness_non_work_related"),
)
"""Reasons that an economic dismissal excludes (Code du travail, L1233-3)."""
_CODES = (
    *(("level", "level"), ("group", "group"), ("coefficient", "coefficient")),
    *(("step", "step"), ("class_", "class")),
)


def inputs_of_case(
    asked: CaseAsked,
    idcc: str | None,
    known: Sequence[str],
    labels: Mapping[str, tuple[str, ...]],
    today: date,
) -> Inputs:
    """Return the inputs of the calculator asked for.

    `known` are those it takes, `labels` their choices.
    """
    filling = Filling(asked, idcc, frozenset(known), labels, today, Inputs())
    if asked.facts.years_unclear is not None and not _has_service(filling):
        filling.inputs.ask(YEARS)
    _replies(filling)
    _plain_facts(filling)
    _classification(filling)
    _service(filling)
    _pay(filling)
    if filling.name in _PAID:
        fill_working_times(filling)
    _ending(filling)
    _bonus(filling)
    fill_of_the_code(filling)
    return filling.inputs


def _has_service(filling: Filling) -> bool:
    return filling.facts.seniority_months is not None or filling.facts.entry is not None


def _plain_facts(filling: Filling) -> None:
    facts = filling.facts
    filling.give("contract", facts.contract)
    filling.give("gross_misconduct", facts.gross_misconduct)
    filling.give("economic_dismissal", facts.economic_dismissal)
    for reason in _REASONS_IN_THE_PERSON if facts.economic_dismissal else ():
        if facts.unfitness is None:
            filling.give(reason, False)
    filling.give("disabled_worker", facts.disabled_worker)
    filling.give("age", facts.age)
    if facts.working_time == "day_rate":
        filling.give("day_rate", True)
    if facts.unfitness in ("work", "other"):
        filling.give("unfitness_work_related", facts.unfitness == "work")
        filling.give("unfitness_non_work_related", facts.unfitness == "other")
    elif facts.unfitness == "unknown" and filling.name in _PAID:
        filling.need("unfitness_work_related")
    if facts.retirement_by_employer is not None:
        filling.give("initiator", "employer" if facts.retirement_by_employer else "employee")


def _classification(filling: Filling) -> None:
    """Give the category and the codes in the agreement's own labels, where they fit one."""
    labels = filling.labels.get("category", ())
    _groups(filling)
    if labels and "category" not in filling.inputs.values:
        _category(filling, labels)
    for field_name, name in _CODES:
        code = getattr(filling.facts, field_name)
        if code is None or name not in filling.known:
            continue
        choices = filling.labels.get(name, ())
        if choices:
            filling.give(name, coded_label(code, choices))
        elif code.isdecimal():
            filling.give(name, int(code))


def _groups(filling: Filling) -> None:
    """Give the group of jobs of a category, where the agreement has groups without names."""
    told = filling.facts.category
    for name in ("category", "group") if told and filling.facts.group is None else ():
        label = group_label(filling.idcc, told or "", filling.labels.get(name, ()))
        if label is not None and name not in filling.inputs.values:
            filling.give(name, label)
            filling.inputs.assume("understood_category", label=label)


def _category(filling: Filling, labels: Sequence[str]) -> None:
    told = filling.facts.category
    fits = fitting_labels(told, labels) if told else ()
    trade = None
    if not fits and filling.idcc:
        trade = trade_label(
            filling.idcc, [told_in_french(one) for one in filling.asked.told], labels
        )
    if len(fits) == 1 or trade:
        label = trade or fits[0]
        filling.give("category", label)
        filling.inputs.assume("understood_category", label=label)
    elif fits:
        filling.inputs.ask("category", fits)


def _service(filling: Filling) -> None:
    """Give the time of service: the days where they are known, else the months told."""
    facts = filling.facts
    if filling.name in (*_PAID, "seniority"):
        _service_of_amounts(filling)
        return
    entry = day_told(filling, facts.entry, "entry")
    if "seniority_months" not in filling.known and entry is None:
        return
    if entry is not None and filling.name in _NOTICES:
        notice = day_told(filling, facts.notice, "notice")
        if notice is None:
            filling.inputs.assume("counted_until_today", day=filling.today)
        filling.give("entry_date", entry.isoformat())
        filling.give("notice_date", (notice or filling.today).isoformat())
    elif facts.seniority_months is not None:
        filling.give("seniority_months", written(facts.seniority_months))


def _service_of_amounts(filling: Filling) -> None:
    facts, inputs = filling.facts, filling.inputs
    entry = day_told(filling, facts.entry, "entry")
    notice, last = day_told(filling, facts.notice, "notice"), day_told(filling, facts.exit, "exit")
    absences = [
        {"reason": _REASONS.get(one.reason, one.reason), "months": written(one.months)}
        for one in facts.absences or ()
    ]
    months = facts.seniority_months
    if entry is None and months is not None and absences and facts.seniority_bound is None:
        entry = _months_before(filling.today + timedelta(days=1), months)
        notice = last = filling.today
        inputs.assume("absences_within_seniority")
    if entry is not None:
        if absences:
            filling.give("absences", absences)
        _contract_days(filling, entry, notice, last)
    elif months is not None and facts.seniority_bound is not None:
        inputs.ask("seniority_years")
    elif months is not None:
        filling.give("seniority_years", written(months / MONTHS_A_YEAR))
        filling.give("right_seniority_years", written(months / MONTHS_A_YEAR))
        if filling.idcc is not None:
            _last_days(filling, notice, last)
    if filling.name in _PAID and not absences:
        inputs.assume("no_absences_told")


def _last_days(filling: Filling, notice: date | None, last: date | None) -> None:
    """Give the day a contract ends, which some agreements ask besides the years of service."""
    if notice is None and last is None:
        filling.inputs.assume("ends_today", day=filling.today)
    filling.give("notice_date", (notice or last or filling.today).isoformat())
    filling.give("exit_date", (last or notice or filling.today).isoformat())


def _contract_days(filling: Filling, entry: date, notice: date | None, last: date | None) -> None:
    """Give the first and the last day of a contract, and the day it was ended."""
    if notice is None and last is None:
        filling.inputs.assume("counted_until_today", day=filling.today)
    elif last is None and filling.name in _PAID:
        filling.inputs.assume("ends_with_notice_date", day=notice or filling.today)
    filling.give("entry_date", entry.isoformat())
    filling.give("notice_date", (notice or last or filling.today).isoformat())
    filling.give("exit_date", (last or notice or filling.today).isoformat())


def _pay(filling: Filling) -> None:
    """Give the pay as a reference salary, or as twelve months where bonuses were told."""
    if filling.name not in (*_PAID, "reference_salary"):
        return
    if {"reference_salary", "legal_reference_salary", "salaries"} & filling.inputs.values.keys():
        return
    monthly = monthly_gross(filling.facts, filling.today, filling.inputs)
    if monthly is None:
        return
    filling.inputs.assume("same_pay", amount_euros=monthly)
    bonus = filling.facts.yearly_bonus
    if filling.name == "reference_salary" or bonus:
        filling.give("salaries", _months_of_pay(filling, monthly, bonus or Fraction(0)))
    else:
        filling.give("legal_reference_salary", written(monthly))


def _months_of_pay(filling: Filling, monthly: Fraction, bonus: Fraction) -> list[object]:
    served = filling.facts.seniority_months
    count = MONTHS_A_YEAR if served is None else max(1, min(MONTHS_A_YEAR, int(served)))
    rows: list[object] = []
    for number in range(1, count + 1):
        paid = bonus if number == count else Fraction(0)
        amount = written(monthly + paid)
        rows.append({"month": f"{number:02}", "amount": amount, "bonus": written(paid)})
    if bonus:
        filling.inputs.assume("bonus_in_last_month", amount_euros=bonus)
    return rows


def _ending(filling: Filling) -> None:
    facts = filling.facts
    filling.give("termination_type", _TERMINATIONS.get(facts.ending or ""))
    if facts.ending == "trial_period" and facts.ended_by_employer:
        filling.give("trial_end_initiator", "L'employeur")
    if facts.working_time == "part_time":
        filling.give(
            "working_time", replied_label("temps partiel", filling.labels.get("working_time", ()))
        )


def _bonus(filling: Filling) -> None:
    """Give what the bonus at the end of a contract needs."""
    if filling.name != "end_of_contract_bonus":
        return
    facts = filling.facts
    temporary = facts.contract == "CTT"
    if facts.contract == "CDI" and facts.hired_permanently is None:
        filling.inputs.values.pop("contract", None)
    if facts.fixed_term_type is not None and not temporary:
        filling.give("contract", "CDD")
        _fixed_term_type(filling, facts.fixed_term_type)
    total = facts.gross_total
    if total is None and facts.gross_monthly is not None and facts.contract_months is not None:
        total = facts.gross_monthly * facts.contract_months
        filling.inputs.assume(
            "pay_times_months", amount_euros=facts.gross_monthly, months=facts.contract_months
        )
    if total is not None:
        filling.give("total_gross_pay", written(total))
    hired = "temp_hired_permanently_at_end" if temporary else "hired_permanently_at_end"
    filling.give(hired, facts.hired_permanently)
    filling.give("refused_permanent_offer", facts.permanent_offer_refused)
    filling.give("ended_in_trial_period", facts.ended_in_trial_period)
    early = "early_end_by_employee_misconduct_or_force_majeure"
    if facts.gross_misconduct or facts.ending == "resignation":
        filling.give(f"temp_{early}" if temporary else early, True)


def _fixed_term_type(filling: Filling, told: str) -> None:
    """Give a kind of fixed-term contract; ask where the agreement has its own kind of it."""
    fits = [label for label in filling.labels.get("fixed_term_type", ()) if label.startswith(told)]
    if len(fits) > 1:
        filling.inputs.ask("fixed_term_type", fits)
    else:
        filling.give("fixed_term_type", told)


def _replies(filling: Filling) -> None:
    """Give the inputs that were replied to in the labels asked, as yes or no, or as a number."""
    for name, reply in filling.asked.replies.items():
        if name not in filling.known:
            continue
        choices = filling.labels.get(name, ())
        if choices:
            filling.give(name, _choice(reply, choices))
            continue
        word = reply.strip(" .!,。！").lower().split(" ")[0].split(",")[0]
        if word in _YES or word in _NO:
            filling.give(name, word in _YES)


def _choice(reply: str, choices: Sequence[str]) -> str | None:
    """Return the label replied, in the words that any language shows it in."""
    for choice in choices:
        if any(wording(one).choice(choice).lower() == reply.strip().lower() for one in LANGUAGES):
            return choice
    return replied_label(reply, choices)


def _months_before(day: date, months: Fraction) -> date:
    """Return the day so many months before another; half months count fifteen days."""
    whole = int(months)
    index = day.year * MONTHS_A_YEAR + day.month - 1 - whole
    year, month = divmod(index, MONTHS_A_YEAR)
    last = (first_of_next(date(year, month + 1, 1)) - timedelta(days=1)).day
    found = date(year, month + 1, min(day.day, last))
    return found - timedelta(days=15) if months != whole else found
