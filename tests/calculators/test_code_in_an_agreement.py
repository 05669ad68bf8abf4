"""Articles of the Code that a rule file of an agreement rests on are told as the Code's."""

from tests.calculators.cases import computed


def test_an_article_of_the_code_is_not_told_as_a_clause() -> None:
    found = computed("severance_pay", "1480", seniority_years=5, reference_salary=3000)
    assert found.agreement is not None
    assert {source.id[:4]: source.idcc for source in found.agreement.sources} == {
        "KALI": "1480",
        "LEGI": None,
    }
