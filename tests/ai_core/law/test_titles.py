"""Titles as readers see them."""

import pytest

from ai_core.law.titles import heading, readable


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("Section 1 : Démission", "Démission"),
        ("Sous-section 2 : Démission.", "Démission"),
        ("Paragraphe 1er : Dispositions générales", "Dispositions générales"),
        ("Chapitre VII : Autres cas de rupture", "Autres cas de rupture"),
        ("Partie législative", "Partie législative"),
        ("Annexes", "Annexes"),
    ],
)
def test_a_title_is_shown_without_its_rank(title: str, shown: str) -> None:
    assert readable(title) == shown


def test_a_title_that_says_nothing_alone_is_shown_with_the_one_above() -> None:
    path = ("Section 3 : Durée légale et heures supplémentaires", "Paragraphe 1 : Ordre public")

    assert heading(path) == "Durée légale et heures supplémentaires – Ordre public"
