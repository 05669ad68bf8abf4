"""The Code's severance and mutual termination indemnity, worked out from the articles by hand."""

from decimal import Decimal
from typing import Any

import pytest

from tests.calculators.cases import computed

MONTHS = [{"month": f"2025-{month:02}", "amount": 2400} for month in range(1, 13)]
CONTRACT = {"entry_date": "2018-03-05", "notice_date": "2025-12-01", "exit_date": "2026-02-04"}


def test_the_formula_of_the_code(subtests: pytest.Subtests) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        # A quarter of a month a year (R1234-2, 1°): 7 × 2300 / 4.
        ({"seniority_years": 7, "reference_salary": 2300}, "4025.00"),
        # Beyond ten years a third (R1234-2, 2°): 10 × 1800 / 4 + 5.5 × 1800 / 3.
        ({"seniority_years": 15.5, "reference_salary": 1800}, "7800.00"),
        # Eight months, written as a decimal: two thirds of a year.
        ({"seniority_years": 0.6666666666666666, "reference_salary": 1500}, "250.00"),
        # To the cent, half up: 1.1 × 1000.02 / 4 = 275.0055.
        ({"seniority_years": 1.1, "reference_salary": 1000.02}, "275.01"),
        # After an accident at work: twice the amount rounded to the cent (L1226-14).
        (
            {
                "seniority_years": 0.5833333333333334,
                "reference_salary": 1700,
                "unfitness_work_related": True,
            },
            "495.84",
        ),
        # Both sides may have years and pay of their own.
        ({"legal_seniority_years": 4, "legal_reference_salary": 2000}, "2000.00"),
    ]
    for inputs, expected in cases:
        with subtests.test(str(inputs)):
            found = computed("severance_pay", **inputs)
            assert (found.value, found.unit, found.source) == (Decimal(expected), "€", "legal")
            assert not found.missing


def test_dates_absences_and_pay_give_the_same_as_the_years_they_make() -> None:
    """95 months of service (5 March 2018 to 4 February 2026) less 3: 92 months."""
    absences = [{"reason": "unpaid_leave", "months": 3, "start": "2020-01-01"}]
    found = computed("severance_pay", **CONTRACT, absences=absences, salaries=MONTHS)
    assert found.value == Decimal("4600.00")
    counted = ["service", "absences_off"]
    assert [step.key for step in found.steps][:6] == [
        *(*counted, "seniority_for_right"),
        *(*counted, "seniority_for_amount"),
    ]
    titles = " ".join(source.title for source in found.sources)
    assert "L1234-11" in titles
    assert "L1225-24" not in titles, "maternity is not what the absence was"


def test_pay_lowered_by_the_suspension_does_not_lower_an_unfit_workers_severance() -> None:
    """L1226-16 looks at the pay there would have been: months of sick pay must not lower it."""
    pay = [{"month": f"2025-{month:02}", "amount": 2400} for month in range(1, 10)]
    pay += [{"month": f"2025-{month:02}", "amount": 1200} for month in (10, 11, 12)]
    found = computed("severance_pay", seniority_years=4, salaries=pay, unfitness_work_related=True)
    assert found.value == Decimal("4200.00")
    assert "unfitness_salary_before_suspension" in [note.key for note in found.warnings]


def test_sick_leave_the_employer_topped_up_is_mentioned_where_there_was_any() -> None:
    """0275, clause 35: such leave counts, which the case does not tell."""
    warned = {}
    for reason in ("non_occupational_sickness", "unpaid_leave"):
        found = computed(
            "severance_pay",
            "0275",
            **CONTRACT,
            category="Cadres",
            reference_salary=3000,
            age=40,
            absences=[{"reason": reason, "months": 2}],
        )
        assert not found.missing
        warned[reason] = [note.key for note in found.warnings]
    assert warned["non_occupational_sickness"] == ["sick_leave_topped_up_by_employer"]
    assert warned["unpaid_leave"] == []


def test_what_excludes_it(subtests: pytest.Subtests) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"contract": "CDD"}, "fixed_term_or_temporary_contract"),
        ({"contract": "CDI", "gross_misconduct": True}, "gross_misconduct"),
        ({"seniority_years": 0.6, "reference_salary": 2000}, "seniority_under_8_months"),
        (
            {"entry_date": "2026-01-10", "notice_date": "2026-08-01", "exit_date": "2026-09-30"}
            | {"salaries": MONTHS},
            "seniority_under_8_months",
        ),
    ]
    for inputs, reason in cases:
        with subtests.test(reason):
            found = computed("severance_pay", **inputs)
            assert (found.value, found.not_due) == ("not_due", reason)
            assert found.sources[0].title == "Article L1234-9 du Code du travail"


def test_part_time_counts_for_its_share() -> None:
    """Four years at full time, four at half: three quarters of the time of a full-timer, on a
    salary that is half of one, so one and a half times what the last salary alone would give.
    """
    periods = [{"months": 48, "share": 1}, {"months": 48, "share": 0.5}]
    alone = computed("severance_pay", seniority_years=8, reference_salary=1000)
    found = computed(
        "severance_pay", seniority_years=8, reference_salary=1000, working_time_periods=periods
    )
    assert (alone.value, found.value) == (Decimal("2000.00"), Decimal("3000.00"))
    assert "Article L3123-5 du Code du travail" in [source.title for source in found.sources]
    (step,) = [step for step in found.steps if step.key == "part_time_share"]
    assert step.source in [item.id for item in found.sources if "L3123-5" in item.title]
    keys = [note.key for note in found.assumptions]
    assert "assumed_same_working_time" not in keys
    assert "assumed_same_working_time" in [note.key for note in alone.assumptions]


def test_what_is_missing_is_asked_one_after_the_other() -> None:
    inputs: dict[str, Any] = {}
    asked = []
    answers: dict[str, object] = {"seniority_years": 3, "reference_salary": 2000}
    while missing := computed("severance_pay", **inputs).missing:
        assert computed("severance_pay", **inputs).value is None
        asked.append(missing[0].input)
        inputs[asked[-1]] = answers[asked[-1]]
    assert asked == ["seniority_years", "reference_salary"]
    with_entry = computed("severance_pay", entry_date="2020-01-01")
    assert [question.input for question in with_entry.missing] == ["exit_date"]


def test_a_mutual_termination_needs_no_seniority(subtests: pytest.Subtests) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"seniority_years": 0.25, "reference_salary": 2000}, "125.00"),
        # L1226-14 doubles the indemnity of a dismissal only.
        (
            {"seniority_years": 1, "reference_salary": 2000, "unfitness_work_related": True},
            "500.00",
        ),
        # Gross misconduct excludes a severance, and has no place in an agreement to part.
        ({"seniority_years": 1, "reference_salary": 2000, "gross_misconduct": True}, "500.00"),
    ]
    for inputs, expected in cases:
        with subtests.test(str(inputs)):
            found = computed("mutual_termination_pay", **inputs)
            assert found.value == Decimal(expected)
            assert found.sources[0].title == "Article L1237-13 du Code du travail"
    fixed_term = computed("mutual_termination_pay", contract="CDD")
    assert fixed_term.not_due == "fixed_term_or_temporary_contract"


def test_an_agreement_that_reckons_by_the_year(subtests: pytest.Subtests) -> None:
    """1606 takes a share of the year's pay: a month's pay is read as one, and both are told."""
    job = {"category": "Non-cadres", "seniority_years": 7}
    for pay, note in ((2300, "read_as_monthly_pay"), (27600, "read_as_yearly_pay")):
        with subtests.test(note):
            found = computed("severance_pay", "1606", **job, reference_salary=pay)
            assert found.legal is not None
            assert found.legal.value == Decimal("4025.00")
            assert found.agreement is not None
            own = computed(
                "severance_pay",
                "1606",
                **job,
                agreement_reference_salary=27600,
                legal_reference_salary=1,
            )
            assert own.agreement is not None
            assert found.agreement.value == own.agreement.value
            assert note in [item.key for item in found.assumptions]


def test_an_agreement_without_a_file_gets_the_code_as_a_minimum() -> None:
    found = computed("severance_pay", "9999", seniority_years=4, reference_salary=2000)
    assert (found.value, found.source, found.is_minimum) == (Decimal("2000.00"), "legal", True)


def test_a_reduction_by_year_of_age_counts_all_years_beyond_sixty() -> None:
    """Road transport, executive of 64 with 3.5 years: 20 % for each of four years of age (annex IV,
    article 17), however few years of service: 4/10 × 3000 × 3.5 × 20 %.
    """
    found = computed(
        "severance_pay",
        "0016",
        category="Ingénieurs et cadres",
        was_employee_or_technician=False,
        age=64,
        pension_age_reached=True,
        seniority_years=3.5,
        reference_salary=3000,
    )
    assert found.agreement is not None
    assert found.agreement.value == Decimal("840.00")


def test_years_as_an_executive_are_asked_by_the_years_before() -> None:
    """Private hospitals (2264) compare the years as an executive, which follow from the others."""
    told: dict[str, Any] = {
        "category": "Cadres",
        "was_non_executive": True,
        "seniority_years": 12,
        "reference_salary": 3000,
    }
    asked = computed("severance_pay", "2264", **told)
    assert [question.input for question in asked.missing] == ["non_executive_years"]
    assert computed("severance_pay", "2264", **told, non_executive_years=4).value is not None
