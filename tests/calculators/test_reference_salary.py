"""The reference salary at the edges of what is told."""

from tests.calculators.cases import computed


def test_an_average_before_the_notice_asks_for_the_months_before_it() -> None:
    """With months of the notice alone, no average of those before it can be told."""
    found = computed("reference_salary", "1516", salaries=[], notice_salaries=[{"amount": 2_000}])
    assert [question.input for question in found.missing] == ["salaries"]
