"""One question back, only when the answer hangs on it."""

import pytest

from ai_core.answering.clarification import clarify, read_rules

RULES = read_rules()


@pytest.mark.parametrize(
    ("question", "asks"),
    [
        ("Quelle est la durée du préavis en cas de démission ?", "convention collective"),
        ("Quel est le montant de l'indemnité de licenciement ?", "ancienneté"),
        ("Combien de temps dure la période d'essai ?", "CDI ou en CDD"),
        ("Comment rompre mon contrat ?", "CDI"),
        ("Quel préavis si je suis licencié ?", "six mois"),
        ("Faut-il élire un CSE ?", "combien de salariés"),
        ("Mes heures supplémentaires sont-elles majorées ?", "temps plein"),
    ],
)
def test_a_missing_fact_is_asked_for(question: str, asks: str) -> None:
    assert asks.casefold() in str(clarify(RULES, question, (), "fr")).casefold()


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Quelle est la durée du préavis de démission dans la convention Syntec ?", ()),
        ("Combien de temps dure la période d'essai d'un cadre ?", ()),
        ("Faut-il élire un CSE à 30 salariés ?", ()),
        ("Quel est le montant de l'indemnité de licenciement ?", ("J'ai 5 ans d'ancienneté.",)),
        ("Et pour un licenciement, quel préavis si j'ai plus de deux ans d'ancienneté ?", ()),
        ("Quel est le montant de l'indemnité de licenciement après quinze ans ?", ()),
        ("Que dit la loi sur le harcèlement ?", ()),
    ],
)
def test_a_known_fact_is_not_asked_for_again(question: str, said: tuple[str, ...]) -> None:
    assert clarify(RULES, question, said, "fr") is None
