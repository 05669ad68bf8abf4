"""Every fact of a profile has its words, in French and English."""

from typing import get_args

import pytest

from ai_core.answering.boilerplate import read_texts
from ai_core.answering.profile_words import ProfileWords
from shared.ai.contract import CaseEvent, Category, Contract, Profile
from shared.languages import Language

TEXTS = read_texts()


def test_every_value_can_be_told() -> None:
    words = ProfileWords(TEXTS)
    for category in get_args(Category):
        assert "catégorie" in words.told(Profile(category=category), "fr")
    for contract in get_args(Contract):
        assert "contract" in words.told(Profile(contract=contract), "en")
    everything = words.told(Profile(events=get_args(CaseEvent), headcount=12), "fr")
    assert everything.count("situation") == len(get_args(CaseEvent))
    assert "effectif de l'entreprise : 12" in everything


@pytest.mark.parametrize(("language", "contract"), [("th", "สัญญา"), ("zh", "合同")])
def test_the_profile_is_told_in_the_asker_s_language(language: Language, contract: str) -> None:
    told = ProfileWords(TEXTS).told(
        Profile(contract="cdi", seniority_months=18, monthly_gross_pay_eur=2300), language
    )
    assert contract in told
    assert "(CDI)" in told.replace("（", "(").replace("）", ")")
    assert "2,300" in told
    assert not {"contrat", "ancienneté :", "year", "contract"} & set(told.split())


def test_only_a_question_about_oneself_asks_for_it() -> None:
    asks = ("Que sais-tu de moi ?", "Dis-moi ce que tu sais de moi", "What do you know about me?")
    foreign = ("คุณรู้อะไรเกี่ยวกับฉันบ้าง", "你知道我什么？")
    others = ("Que sais-tu du préavis ?", "Mon patron sait tout de moi, est-ce légal ?")

    assert [ProfileWords.asks(text) for text in (*asks, *foreign, *others)] == [True] * 5 + [
        False
    ] * 2
