"""What a case says in other words is not asked again, and a former text is not guessed."""

from decimal import Decimal
from typing import Any

from tests.calculators.cases import computed

PAY = [{"month": f"2025-{month:02}", "amount": 2100} for month in range(1, 10)] + [
    {"month": f"2025-{month:02}", "amount": 2700} for month in range(10, 13)
]
SERVICE = {"entry_date": "2014-01-06", "notice_date": "2025-12-31", "exit_date": "2026-01-05"}


def test_unfitness_leaves_no_other_reason_to_ask() -> None:
    given: dict[str, Any] = {
        "category": "Non-cadres",
        "seniority_years": 12,
        "reference_salary": 2000,
    }
    assert [q.input for q in computed("severance_pay", "1501", **given).missing] == [
        "economic_dismissal"
    ]
    found = computed("severance_pay", "1501", **given, unfitness_work_related=True)
    # Article 13: 12 × 2000 / 10 + 2 × 2000 / 15.
    assert found.agreement is not None
    assert found.agreement.value == Decimal("2666.67")


def test_the_category_says_whose_months_of_pay_count() -> None:
    """0675: twelve months for supervisors (2 250 €), the better of three and twelve for employees
    (2 700 €); twelve years, so 10/10 and 2 × 2/5, or 10/10 and 2 × 2/10.
    """
    reason: dict[str, Any] = {"collective_economic_dismissal": True}
    supervisor = computed(
        "severance_pay", "0675", category="Agents de maîtrise", salaries=PAY, **SERVICE, **reason
    )
    employee = computed("severance_pay", "0675", category="Employés", salaries=PAY, **SERVICE)
    assert supervisor.agreement is not None
    assert employee.agreement is not None
    assert supervisor.agreement.value == Decimal("4050.00")
    assert employee.agreement.value == Decimal("3780.00")


def test_the_cap_on_three_months_of_pay_is_taken_from_the_pay() -> None:
    """0675, article 42: 35 years at 1/5 are seven months, and six months of the last three's
    average are the most: 6 × 2 700 €.
    """
    found = computed(
        "severance_pay",
        "0675",
        category="Employés",
        salaries=PAY,
        entry_date="1991-01-07",
        notice_date="2025-12-31",
        exit_date="2026-01-06",
    )
    assert found.agreement is not None
    assert found.agreement.value == Decimal("16200.00")


def test_a_former_text_is_not_held_and_the_code_is_a_minimum() -> None:
    old = computed(
        "severance_pay",
        "1516",
        notice_date="2022-03-01",
        seniority_years=6,
        reference_salary=2000,
    )
    assert (old.value, old.source, old.is_minimum) == (Decimal("3000.00"), "legal", True)
    today = computed(
        "severance_pay", "1486", category="ETAM", seniority_years=12, reference_salary=2000
    )
    assert (today.value, today.source, today.is_minimum) == (Decimal("8000.00"), "agreement", False)
    ended = computed(
        "severance_pay",
        "1486",
        category="ETAM",
        seniority_years=12,
        reference_salary=2000,
        exit_date="2023-04-30",
        refused_mobility_clause=False,
    )
    assert (ended.value, ended.source, ended.is_minimum) == (Decimal("6333.33"), "legal", True)


def test_a_leave_over_two_years_keeps_all_of_its_months() -> None:
    """1996, article 11: five months of one year and one of the next, all within six of each."""
    leave = {"reason": "non_occupational_sickness", "months": 6, "start": "2019-07-31"}
    found = computed(
        "seniority",
        "1996",
        purpose="amount",
        entry_date="2015-01-01",
        exit_date="2024-12-31",
        absences=[leave],
    )
    assert found.value == Decimal(10)


def test_a_last_month_without_an_amount_is_the_last_one_told() -> None:
    told: dict[str, Any] = {
        "category": "Ouvriers et collaborateurs (Groupes I à III)",
        "has_variable_pay": False,
        "salaries": PAY,
    }
    found = computed("reference_salary", "0044", **told, last_month_salary={"month": "2026-01"})
    assert found.value == Decimal("2700.00")
    higher = {"month": "2026-01", "amount": 3100, "bonus": 600}
    # 2 500 €, and a twelfth of the bonus; the average of the twelve months is less.
    found = computed("reference_salary", "0044", **told, last_month_salary=higher)
    assert found.value == Decimal("2700.00") - Decimal("150.00")
