"""Seniority, age and workforce: what a question tells, and whether a bound holds it."""

import pytest

from ai_core.engines.extractive.amounts import bounds, fit, is_condition, told


@pytest.mark.parametrize(
    ("question", "bound", "fits"),
    [
        ("8 mois d'anciennete", "de 6 mois a moins de 2 ans", 1),
        ("8 mois d'anciennete", "moins de 6 mois", -1),
        ("8 mois d'anciennete", "plus de 2 ans", -1),
        ("trois ans et demi de boite", "entre deux et cinq ans", 1),
        ("depuis 1 an et 2 mois", "comprise entre six mois et moins de deux ans", 1),
        ("12 salaries", "au moins onze salaries", 1),
        ("8 salaries", "au moins onze salaries", -1),
        ("8 salaries", "deux ans et plus", 0),
        ("deux ans d'anciennete", "2 ans et plus", 1),
        ("rien de tel", "plus de 2 ans", 0),
    ],
)
def test_a_bound_holds_or_excludes_what_is_told(question: str, bound: str, fits: int) -> None:
    assert fit(told(question), bounds(bound)) == fits


def test_an_age_is_no_seniority() -> None:
    assert told("j'ai 17 ans, puis-je travailler la nuit ?") == ()


def test_a_bound_that_is_asked_about_is_nobodys_seniority() -> None:
    assert told("combien d'indemnite par annee jusqu'a dix ans ?") == ()


def test_how_long_a_child_has_been_minded_bounds_who_is_meant() -> None:
    assert is_condition("un mois si l'enfant est accueilli depuis un an et plus")
