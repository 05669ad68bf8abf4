"""Places in a classification, as questions tell them and rows of tables write them."""

import pytest

from ai_core.law.classifications import (
    Place,
    fits,
    places_of_cell,
    places_told,
    without_places,
)


@pytest.mark.parametrize(
    ("question", "places"),
    [
        ("coefficient 275", {("coefficient", "275")}),
        ("coef 150m", {("coefficient", "150m")}),
        ("position 2.1", {("position", "2.1")}),
        ("echelon 1 niveau ii", {("echelon", "1"), ("niveau", "2")}),
        ("groupe c6", {("groupe", "c6")}),
        ("niveau 2b", {("niveau", "2b")}),
        ("agent mp3", {("", "mp3")}),
        ("depuis 3 ans, 35 heures", set()),
    ],
)
def test_places_are_told_with_their_kind(question: str, places: set[tuple[str, str]]) -> None:
    assert places_told(question) == {Place(*one) for one in places}


@pytest.mark.parametrize(
    ("told", "cells", "fit"),
    [
        ("coefficient 140", (("140", "coefficient"), ("1 965,78", "salaire")), 1),
        ("coefficient 140", (("150", "coefficient"),), -1),
        ("echelon 2 niveau 2", (("echelon 2", ""), ("niveau ii", "")), 2),
        ("groupe c6", (("c", "groupe d'emplois"), ("6", "classe d'emploi")), 1),
        ("groupe c6", (("c", "groupe d'emplois"), ("5", "classe d'emploi")), -1),
        ("groupe f11", (("f, g, h, i", "groupes d'emplois"),), 1),
        ("groupe f11", (("a et b", "groupes d'emplois"),), -1),
        ("groupe c6", (("tout groupe d'emplois", "groupe d'emplois concernes"),), 0),
        ("niveau 2b", (("niveau 2", "niveau"), ("(2 b - apres 6 mois)", "")), 1),
        ("niveau 2", (("2", ""),), 0),
    ],
)
def test_a_row_is_for_a_place_for_another_one_or_for_anybody(
    told: str, cells: tuple[tuple[str, str], ...], fit: int
) -> None:
    row = frozenset().union(*(places_of_cell(cell, head) for cell, head in cells))

    assert fits(places_told(told), row) == fit


def test_an_amount_is_no_place() -> None:
    assert places_of_cell("12,10 €", "niveau") == frozenset()


def test_places_can_be_left_out() -> None:
    assert "chelon" not in without_places("Mécanicien échelon 6, quel salaire ?")
