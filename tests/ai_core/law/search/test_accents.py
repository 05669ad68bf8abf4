"""French typed without accents means to the encoder what it means with them."""

import pytest

from ai_core.law.search.accents import accented


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (
            "mon pere est decede, combien de jours de conge ?",
            "mon père est décédé, combien de jours de congé ?",
        ),
        ("CONGE PAYE refuse", "CONGÉ PAYÉ refuse"),
        ("Preavis d'un employe", "Préavis d'un employé"),
        ("mon père est décédé", "mon père est décédé"),
        ("mon pere est decedé", "mon père est décédé"),
    ],
)
def test_accents_are_put_back(typed: str, read: str) -> None:
    assert accented(typed) == read


@pytest.mark.parametrize(
    "typed",
    [
        "je me fais licencie",
        "my employe refuses my conge at my age",
        "Mi padre ha muerto, cuantos dias de permiso tengo por ley?",
    ],
)
def test_words_of_two_spellings_and_other_languages_stay_as_typed(typed: str) -> None:
    assert accented(typed) == typed
