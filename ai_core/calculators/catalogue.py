"""The calculators by name: their inputs, with the labels of an agreement, and their calculation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from ai_core.calculators import (
    deadlines,
    end_of_contract_bonus,
    job_search_hours,
    mutual_termination_pay,
    notices,
    overtime,
    paid_leave,
    reference_salary,
    seniority,
    severance_pay,
    trial_period,
)
from ai_core.calculators.inputs import INPUTS, parse
from ai_core.calculators.records import Calculation
from ai_core.calculators.rule_records import Rules, Table
from ai_core.calculators.rulebook import Case, RuleBook
from ai_core.calculators.tables import labels_of
from ai_core.errors import UnknownCalculator


@dataclass(frozen=True, slots=True)
class Calculator:
    """A calculator: its function; the inputs it always asks, in their order; the others it takes.

    An agreement asks what its rows name, among `others`. `reads` are the tables of the rule files
    that it looks at besides the one of its name; `labels_from` tables whose labels it takes too.
    """

    name: str
    calculate: Callable[[Case], Calculation]
    always: tuple[str, ...]
    others: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    labels_from: tuple[str, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """Return every input it takes."""
        return (*self.always, *self.others)

    def tables(self, rules: Rules | None) -> list[Table]:
        """Return the tables of a rule file that it looks at."""
        return _tables(rules, (self.name, *self.reads))

    def tables_of_labels(self, rules: Rules | None) -> list[Table]:
        """Return the tables of a rule file whose labels its inputs take."""
        return _tables(rules, (self.name, *self.reads, *self.labels_from))


def _tables(rules: Rules | None, names: tuple[str, ...]) -> list[Table]:
    held = {} if rules is None else rules.tables
    return [held[name] for name in names if name in held]


_SERVICE = ("entry_date", "notice_date", "exit_date", "seniority_months")
_JOB = ("category", "group", "level", "step", "coefficient", "class", "seniority_band")
_DATES = ("entry_date", "notice_date", "exit_date", "absences")
_PAY = ("salaries", "notice_salaries", "last_month_salary", "variable_pay_total")
_CAREER = (
    *("category", "category_change_date", "is_executive", "was_non_executive"),
    *("was_employee_or_technician", "was_executive_before_2024"),
    *("day_rate", "always_day_rate", "has_been_day_rate", "day_rate_since"),
)
_OF_PAY = (
    *("has_variable_pay", "has_commission", "supervisor_or_executive", "driving_incapacity"),
    *("driving_incapacity_definitive", "economic_dismissal", "disciplinary_dismissal"),
    *("refused_mobility_clause", "unfitness_non_work_related"),
)
_SEVERANCE = (
    *("contract", "gross_misconduct", *_DATES, "seniority_years", "right_seniority_years"),
    *("salaries", "reference_salary", "working_time_periods", "unfitness_work_related"),
)
_OF_SEVERANCE = (
    *(*_CAREER, *_OF_PAY, *_PAY[1:], "age", "age_at", "on_sick_leave"),
    *("legal_seniority_years", "legal_right_seniority_years", "legal_reference_salary"),
    *("agreement_seniority_years", "agreement_right_seniority_years"),
    *("agreement_reference_salary", "non_executive_years", "seniority_years_before_executive"),
    *("executive_15_years_or_more", "pension_age_reached", "pension_conditions_met"),
    *("rules_before_2023_05_01", "dismissed_for_absences", "absences_total_band"),
    *("collective_economic_dismissal", "childcare_approval_withdrawn"),
    *("total_pay_whole_contract", "last_3_months_average_pay"),
    *("operation_contract", "operation_contract_months", "dismissed_in_trial_period"),
    *("pay_year_1", "pay_year_2", "pay_year_3_on"),
    *("full_semesters_before_2002", "full_semesters_since_2002"),
)

CALCULATORS: dict[str, Calculator] = {
    item.name: item
    for item in (
        Calculator(
            "resignation_notice",
            notices.calculate,
            (),
            (
                *_JOB,
                *_SERVICE,
                *("contract_date_band", "passenger_driver", "goods_transport_staff", "housed"),
            ),
        ),
        Calculator(
            "dismissal_notice",
            notices.calculate,
            (*_SERVICE, "legal_seniority_band", "gross_misconduct", "disabled_worker"),
            (*_JOB, "age", "age_band", "contract_date_band", "termination_reason", "housed"),
        ),
        Calculator(
            "retirement_notice",
            notices.calculate,
            ("initiator", *_SERVICE, "disabled_worker"),
            (*_JOB, "contract_date_band", "contract_after_2019_07_01", "housed", "age"),
        ),
        Calculator(
            "job_search_hours",
            job_search_hours.calculate,
            ("termination_type",),
            (
                *_JOB,
                *_SERVICE,
                *("notice_length_band", "working_time", "trial_end_initiator", "day_rate"),
                "goods_transport_staff",
            ),
        ),
        Calculator(
            "end_of_contract_bonus",
            end_of_contract_bonus.calculate,
            (
                *("contract", "fixed_term_type", "total_gross_pay", "ended_in_trial_period"),
                *("hired_permanently_at_end", "refused_permanent_offer"),
                "early_end_by_employee_misconduct_or_force_majeure",
                *("refused_agreed_renewal", "temp_training_assignment"),
                "temp_early_end_by_employee_misconduct_or_force_majeure",
                *("temp_hired_permanently_at_end", "temp_refused_flexible_end_date"),
            ),
            (
                *("agreement_hired_permanently_at_end", "agreement_permanent_offer_made"),
                "agreement_hired_permanently_without_gap",
            ),
        ),
        Calculator(
            "severance_pay",
            severance_pay.calculate,
            _SEVERANCE,
            _OF_SEVERANCE,
            ("reference_salary", "seniority"),
        ),
        Calculator(
            "mutual_termination_pay",
            mutual_termination_pay.calculate,
            _SEVERANCE,
            _OF_SEVERANCE,
            ("severance_pay", "reference_salary", "seniority"),
        ),
        Calculator(
            "seniority",
            seniority.calculate,
            (*_DATES, "purpose"),
            _CAREER,
            labels_from=("severance_pay",),
        ),
        Calculator(
            "reference_salary",
            reference_salary.calculate,
            _PAY,
            ("category", *_OF_PAY),
            labels_from=("severance_pay",),
        ),
        Calculator(
            "paid_leave",
            paid_leave.calculate,
            (
                *("worked_months", "sickness_months", "entry_date", "exit_date", "absences"),
                *("reference_period_pay", "pay_of_sickness", "leave_days_taken"),
                *("monthly_pay", "maintained_pay"),
            ),
        ),
        Calculator(
            "overtime",
            overtime.calculate,
            (
                *("overtime_hours", "weekly_hours", "hourly_pay"),
                *("agreement_overtime_rate", "agreement_overtime_next_rate"),
            ),
        ),
        Calculator(
            "trial_period",
            trial_period.calculate,
            (
                *("contract", "category", "renewed", "renewal_in_extended_agreement"),
                *("contract_months", "contract_weeks", "entry_date", "exit_date", "notice_date"),
                *("internship_months", "internship_in_same_job"),
                *("trial_end_initiator", "presence_days"),
            ),
            reads=("trial_period_notice",),
        ),
        Calculator("deadlines", deadlines.calculate, ("deadline", "start_date", "alsace_moselle")),
    )
}
"""Every calculator by name, in the order in which they are listed."""


def calculator(name: str) -> Calculator:
    """Return a calculator. Raises UnknownCalculator."""
    found = CALCULATORS.get(name)
    if found is None:
        raise UnknownCalculator(name=name)
    return found


def compute(
    name: str,
    idcc: str | None,
    as_of: date,
    inputs: Mapping[str, object],
    book: RuleBook,
) -> Calculation:
    """Compute from the inputs of a request. Raises UnknownCalculator, WrongInputs, RuleWithheld."""
    wanted = calculator(name)
    facts = parse(inputs, choices_of(wanted, book, idcc), wanted.inputs)
    return wanted.calculate(Case(name, idcc, as_of, facts, book))


def choices_of(
    wanted: Calculator, book: RuleBook, idcc: str | None
) -> Mapping[str, tuple[str, ...]]:
    """Return the labels each input may take, for an agreement or for the Code alone."""
    return _choices(wanted, (book.code, book.agreement(idcc)))


@lru_cache(maxsize=1024)
def _choices(wanted: Calculator, files: tuple[Rules | None, ...]) -> Mapping[str, tuple[str, ...]]:
    tables = [table for rules in files for table in wanted.tables_of_labels(rules)]
    return {name: labels for name in wanted.inputs if (labels := _labels(name, tables))}


def _labels(input_name: str, tables: list[Table]) -> tuple[str, ...]:
    """Return the labels the tables name for an input, each once; none where its kind is fixed."""
    if INPUTS[input_name].choices:
        return INPUTS[input_name].choices
    found: dict[str, None] = {}
    for table in tables:
        rows = (*table.rows, *table.additions, *table.multipliers, *table.warnings)
        found.update(dict.fromkeys(labels_of(input_name, rows)))
        found.update(dict.fromkeys(table.choices.get(input_name, ())))
    return tuple(found)


def inputs_of(wanted: Calculator, book: RuleBook, idcc: str | None) -> tuple[str, ...]:
    """Return the inputs to ask, in their order: what its rows name for an agreement, then what is
    always asked.
    """
    tables = wanted.tables(book.agreement(idcc))
    own = [name for table in tables for name in table.inputs() if name in wanted.inputs]
    return tuple(dict.fromkeys((*own, *wanted.always)))
