"""A gross pay told, compared with the minimum wage: what the asker reads."""

from datetime import date

import pytest

from ai_core.answering.boilerplate import read_texts
from ai_core.answering.calculation.pay_compared import pay_compared, said
from shared.ai.contract import Profile

DAY = date(2026, 3, 20)


def compared(question: str, pay_eur: float | None, **known: object) -> str | None:
    profile = Profile(monthly_gross_pay_eur=pay_eur, **known)
    found = pay_compared(question, profile, DAY)
    return " ".join(said(found, read_texts().say, "fr").split()) if found else None


def test_a_pay_below_the_minimum_wage_is_told_with_what_it_lacks() -> None:
    told = compared("Mon salaire est-il au SMIC ? 1 700 € brut pour 35 heures", 1700)

    assert told
    assert told.startswith("Non : 1 700 € brut par mois pour 35 heures")
    assert "12,02 € de l'heure au 1er janvier 2026, soit 1 823,03 € par mois" in told
    assert "au moins 123,03 € par mois" in told
    assert "supposé" not in told


def test_a_pay_above_it_is_told_with_the_agreement_s_own_minimum() -> None:
    told = compared("est-ce que je suis payé assez ?", 2000)

    assert told
    assert told.startswith("Le SMIC est atteint : 2 000 €")
    assert "convention collective" in told
    assert "J'ai supposé 35 heures" in told


def test_fewer_hours_have_their_share_of_it() -> None:
    told = compared("24h par semaine, suis-je au smic ?", 1260, working_time="part_time")

    assert told
    assert "soit 1 250,08 €" in told or "SMIC de 1 250,08 €" in told


@pytest.mark.parametrize(
    ("question", "pay_eur", "known"),
    [
        ("suis-je au smic ?", None, {}),
        ("quel préavis de démission ?", 1700, {}),
        ("suis-je au smic avec 39 heures ?", 1900, {}),
        ("suis-je au smic ?", 1000, {"working_time": "part_time"}),
        ("suis-je au smic ?", 3000, {"working_time": "forfait_jours"}),
    ],
)
def test_nothing_is_compared_that_is_not_asked_or_not_known(
    question: str, pay_eur: float | None, known: dict[str, object]
) -> None:
    assert compared(question, pay_eur, **known) is None
