"""Paid leave, overtime, trial periods and deadlines, worked out from the articles by hand."""

from datetime import date
from typing import Any

import pytest

from ai_core.calculators.holidays import public_holidays
from ai_core.calculators.wording import wording
from ai_core.errors import WrongInputs
from tests.calculators.cases import computed

Case = tuple[dict[str, Any], str, str]


def _check(calculator: str, cases: list[Case], subtests: pytest.Subtests) -> None:
    words = wording("fr")
    for inputs, value, unit in cases:
        with subtests.test(f"{calculator} {inputs}"):
            found = computed(calculator, **inputs)
            assert not found.missing, found.missing
            assert (str(found.value), found.unit) == (value, unit)
            assert found.sources, "a result names its articles"
            assert all(source.fragment for source in found.sources)
            for step in found.steps:
                assert words.step(step)
            for note in found.warnings:
                assert words.warning(note)
            for note in found.assumptions:
                assert words.assumption(note)


def test_overtime(subtests: pytest.Subtests) -> None:
    cases: list[Case] = [
        # A quarter more for the first eight hours (L3121-36), half as much more beyond.
        ({"overtime_hours": 8, "hourly_pay": 13}, "130.00", "€"),
        ({"overtime_hours": 11, "hourly_pay": 20}, "290.00", "€"),
        # 43 hours worked are eight beyond 35 (L3121-27).
        ({"weekly_hours": 43, "hourly_pay": 12.5}, "125.00", "€"),
        ({"weekly_hours": 34, "hourly_pay": 12.5}, "0.00", "€"),
        # An agreement's rate holds for all hours unless it has a second one.
        ({"overtime_hours": 10, "hourly_pay": 10, "agreement_overtime_rate": 10}, "110.00", "€"),
        (
            {"overtime_hours": 10, "hourly_pay": 10, "agreement_overtime_rate": 10}
            | {"agreement_overtime_next_rate": 20},
            "112.00",
            "€",
        ),
    ]
    _check("overtime", cases, subtests)
    with pytest.raises(WrongInputs) as refused:
        computed("overtime", overtime_hours=2, hourly_pay=10, agreement_overtime_rate=9)
    assert refused.value.faults[0]["field"] == "inputs.agreement_overtime_rate"


def test_paid_leave(subtests: pytest.Subtests) -> None:
    absence = {"reason": "unpaid_leave", "months": 1, "start": "2026-07-01"}
    days = "jours ouvrables"
    cases: list[Case] = [
        ({"worked_months": 12}, "30", days),
        ({"worked_months": 14}, "30", days),
        # 12.5 days are 13 (L3141-7).
        ({"worked_months": 5}, "13", days),
        # Sickness gives two days a month, 24 at most (L3141-5-1).
        ({"worked_months": 8, "sickness_months": 4}, "28", days),
        ({"worked_months": 0, "sickness_months": 13}, "24", days),
        ({"worked_months": 10, "sickness_months": 4}, "30", days),
        # From 1 June to 30 November: six months; with one of them unpaid, five.
        ({"entry_date": "2019-02-04"}, "15", days),
        ({"entry_date": "2026-09-01"}, "8", days),
        ({"entry_date": "2019-02-04", "absences": [absence]}, "13", days),
        # A tenth of the year's pay, or the pay maintained where it is more (L3141-24).
        (
            {"worked_months": 12, "reference_period_pay": 26000, "maintained_pay": 2500},
            "2600.00",
            "€",
        ),
        (
            {"worked_months": 12, "reference_period_pay": 26000, "maintained_pay": 2700},
            "2700.00",
            "€",
        ),
        (
            {"worked_months": 12, "reference_period_pay": 26000, "monthly_pay": 2080}
            | {"leave_days_taken": 12},
            "1040.00",
            "€",
        ),
        # Sickness counts for four fifths of its pay: (16000 + 0.8 × 8000) / 10.
        (
            {"worked_months": 8, "sickness_months": 4, "reference_period_pay": 16000}
            | {"pay_of_sickness": 8000, "maintained_pay": 0},
            "2240.00",
            "€",
        ),
    ]
    _check("paid_leave", cases, subtests)


def test_trial_periods(subtests: pytest.Subtests) -> None:
    permanent = {"contract": "CDI", "category": "Agents de maîtrise et techniciens"}
    renewed: dict[str, Any] = permanent | {"renewed": True}
    cases: list[Case] = [
        (permanent, "3", "mois"),
        ({"contract": "CDI", "category": "Ouvriers et employés"}, "2", "mois"),
        ({"contract": "CDI", "category": "Cadres"}, "4", "mois"),
        (renewed | {"renewal_in_extended_agreement": True}, "6", "mois"),
        (renewed | {"renewal_in_extended_agreement": False}, "3", "mois"),
        # An internship is taken off, half of the trial at most; all of it in the same job.
        (permanent | {"internship_months": 2}, "1.5", "mois"),
        (permanent | {"internship_months": 2, "internship_in_same_job": True}, "1", "mois"),
        # A day for each week: 10 weeks from 1 June to 9 August; two weeks or a month at most.
        (
            {"contract": "CDD", "entry_date": "2026-06-01", "exit_date": "2026-08-09"},
            "10",
            "jours calendaires",
        ),
        ({"contract": "CDD", "contract_months": 6}, "2", "semaines"),
        ({"contract": "CDD", "contract_months": 12}, "1", "mois"),
        ({"contract": "CTT", "contract_months": 1}, "2", "jours"),
        ({"contract": "CTT", "contract_months": 2}, "3", "jours"),
        ({"contract": "CTT", "contract_months": 5}, "5", "jours"),
    ]
    _check("trial_period", cases, subtests)
    found = computed("trial_period", **permanent, entry_date="2026-09-07")
    assert found.steps[-1].facts["last"] == date(2026, 12, 6)
    asked = computed("trial_period", **renewed)
    assert [question.input for question in asked.missing] == ["renewal_in_extended_agreement"]


def test_the_notice_to_end_a_trial(subtests: pytest.Subtests) -> None:
    employer, employee = "L'employeur", "Le salarié"
    cases: list[Case] = [
        ({"trial_end_initiator": employer, "presence_days": 7}, "24", "heures"),
        ({"trial_end_initiator": employer, "presence_days": 8}, "48", "heures"),
        ({"trial_end_initiator": employer, "presence_days": 45}, "2", "semaines"),
        ({"trial_end_initiator": employer, "presence_days": 100}, "1", "mois"),
        (
            {"trial_end_initiator": employer, "entry_date": "2026-09-07"}
            | {"notice_date": "2026-10-07"},
            "2",
            "semaines",
        ),
        ({"trial_end_initiator": employee, "presence_days": 7}, "24", "heures"),
        ({"trial_end_initiator": employee, "presence_days": 60}, "48", "heures"),
    ]
    _check("trial_period", cases, subtests)


def test_deadlines(subtests: pytest.Subtests) -> None:
    def case(deadline: str, start: str, last: str, **more: Any) -> Case:
        return ({"deadline": deadline, "start_date": start} | more, last, "date")

    cases: list[Case] = [
        # Fifteen days from the day after the signature (L1237-13).
        case("mutual_termination_withdrawal", "2026-09-01", "2026-09-16"),
        # They would end on Saturday 26 September: the next working day is Monday (R1231-1).
        case("mutual_termination_withdrawal", "2026-09-11", "2026-09-28"),
        # 25 December 2026 is a Friday, and the 26th a Saturday.
        case("mutual_termination_withdrawal", "2026-12-10", "2026-12-28"),
        # Fifteen working days, Saturdays included, without 14 July (L1237-14).
        case("mutual_termination_approval", "2026-07-01", "2026-07-20"),
        # In Alsace and Moselle, Good Friday 2027 (26 March) counts no more than Easter Monday.
        case("mutual_termination_approval", "2027-03-15", "2027-04-02"),
        case("mutual_termination_approval", "2027-03-15", "2027-04-05", alsace_moselle=True),
        # Months end on the day of the same number, or on the last of the month.
        case("final_settlement_receipt", "2025-08-31", "2026-03-02"),
        case("dismissal_challenge", "2025-03-08", "2026-03-08"),
        case("dismissal_challenge", "2028-02-29", "2029-02-28"),
        case("wage_claim", "2024-05-31", "2027-05-31"),
        case("discrimination_claim", "2024-05-31", "2029-05-31"),
        # Five clear working days between Monday 7 and Monday 14 September.
        case("dismissal_interview", "2026-09-07", "2026-09-15"),
        case("dismissal_letter", "2026-09-07", "2026-09-10"),
    ]
    _check("deadlines", cases, subtests)
    asked = computed("deadlines")
    assert asked.missing[0].input == "deadline"
    assert "wage_claim" in asked.missing[0].choices
    late = computed("deadlines", deadline="wage_claim", start_date="2020-01-01")
    assert [note.key for note in late.warnings] == ["deadline_passed"]


def test_public_holidays() -> None:
    """Easter was on 5 April in 2026 and is on 28 March in 2027."""
    usual = public_holidays(2026)
    assert len(usual) == 11
    assert {date(2026, 4, 6), date(2026, 5, 14), date(2026, 5, 25)} <= usual
    more = public_holidays(2027, alsace_moselle=True) - public_holidays(2027)
    assert more == {date(2027, 3, 26), date(2027, 12, 26)}


def test_an_agreement_that_is_named_may_say_otherwise() -> None:
    found = computed("paid_leave", "1486", worked_months=12)
    assert "paid_leave_by_agreement" in [note.key for note in found.warnings]
