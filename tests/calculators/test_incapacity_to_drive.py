"""An incapacity to drive (article 11 ter of annex I of 0016), told as a label or as booleans."""

import pytest

from tests.calculators.cases import computed

PAY = [
    {"month": f"2026-{month:02}", "amount": amount}
    for month, amount in enumerate((1900, 1900, 1900, 2200, 2200, 2200), 4)
]
WORKER = {"category": "Ouvriers", "seniority_years": 12, "right_seniority_years": 12}


def test_a_label_says_the_same_as_the_booleans(subtests: pytest.Subtests) -> None:
    for label, definitive, months in (("definitive", True, 4), ("temporary", False, 1)):
        told = (
            {"driving_incapacity": label},
            {"driving_incapacity": True, "driving_incapacity_definitive": definitive},
        )
        for inputs in told:
            with subtests.test(str(inputs)):
                found = computed("severance_pay", "0016", **WORKER, **inputs, reference_salary=2200)
                assert not found.missing
                assert found.agreement is not None
                assert found.agreement.value == months * 2200


def test_pay_without_a_word_on_it_supposes_none_and_says_so() -> None:
    found = computed("reference_salary", "0016", category="Ouvriers", salaries=PAY)
    assert found.value == 2200
    assert [note.facts for note in found.assumptions if note.key == "assumed_false"] == [
        {"input": "driving_incapacity"}
    ]


def test_pay_of_other_categories_supposes_nothing_of_it() -> None:
    found = computed("reference_salary", "0016", category="Employés", salaries=PAY)
    assert found.value == 2200
    assert not [note for note in found.assumptions if note.key == "assumed_false"]


def test_whether_there_is_one_is_asked_as_yes_or_no() -> None:
    found = computed("severance_pay", "0016", **WORKER, reference_salary=2200)
    assert [(question.input, question.choices) for question in found.missing] == [
        ("driving_incapacity", ())
    ]
