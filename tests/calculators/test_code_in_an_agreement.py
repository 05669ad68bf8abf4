"""Articles of the Code that a rule file of an agreement rests on are told as the Code's."""

from tests.calculators.cases import computed


def test_an_article_of_the_code_is_not_told_as_a_clause() -> None:
    found = computed("severance_pay", "1480", seniority_years=5, reference_salary=3000)
    assert found.agreement is not None
    assert {source.id[:4]: source.idcc for source in found.agreement.sources} == {
        "KALI": "1480",
        "LEGI": None,
    }


def test_a_seniority_counted_by_the_code_alone_is_the_codes() -> None:
    found = computed(
        "seniority", "1480", entry_date="2023-01-09", exit_date="2026-01-20", purpose="amount"
    )
    assert (found.value, found.source) == (4, "legal")
