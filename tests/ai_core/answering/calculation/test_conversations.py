"""Calculations in a conversation, over HTTP: the sum at once, what is missing, one fact changed.

The law says what the rule files quote of it (`tests/calculators/law.py`). All persons are invented.
"""

import re
from collections.abc import Sequence
from typing import Any

import pytest

from ai_core.calculators.rule_files import agreements_held
from ai_core.engines.scripted import ScriptedEngine
from ai_core.law.agreement_names import known_agreements


async def talk(app: Any, *messages: str, **more: object) -> list[dict[str, Any]]:
    """Say one message after the other in one conversation; return the replies."""
    replies: list[dict[str, Any]] = []
    for message in messages:
        body: dict[str, object] = {"messages": [{"role": "user", "content": message}], **more}
        if replies:
            body["conversation_id"] = replies[-1]["conversation_id"]
        response = await app.client.post("/api/v1/chat", json=body, headers=app.key_header())
        assert response.status_code == 200, response.text
        replies.append(response.json())
    return replies


async def last(app: Any, *messages: str, **more: object) -> dict[str, Any]:
    return (await talk(app, *messages, **more))[-1]


def section(reply: dict[str, Any], kind: str) -> str:
    return "".join(one["text"] for one in reply["sections"] if one["kind"] == kind)


@pytest.mark.parametrize(
    ("message", "language", "value", "said"),
    [
        ("Combien vais-je toucher si on me licencie après 7 ans à 2 300 €"
            " ?", "fr", 4025, "4 025 €"),
        ("How much severance after 7 years at 2300 euros gross a month?", "en", 4025, "4025"),
        ("ถ้าถูกเลิกจ้างหลังทำงาน 7 ปี เงินเดือน 2300 ยูโร จะได้ค่าชดเชยเท่าไหร่", "th", 4025, "4"),
        ("工作了7年，月薪税前2300欧元，被解雇能拿多少补偿金？", "zh", 4025, "4"),
        ("prime de précarité CDD 11 100 € brut", "fr", 1110, "1 110 €"),
        ("8 heures sup à 13 € de l'heure, combien ?", "fr", 130, "130 €"),
        ("Je suis serveur dans un restaurant depuis 8 mois, je démissionne : quel préavis"
            " ?", "fr", 15, "15 jours"),
        ("7 ans, 2300 brut, Syntec cadre, licencié", "fr", 5366.67, "5 366,67 €"),
        ("Combien de congés j'ai acquis en 8 mois de travail ?", "fr", 20, "20 jours"),
        ("Période d'essai combien pour un cadre en CDI ?", "fr", 4, "4 mois"),
        (
            "J'ai signé une rupture conventionnelle le 3 novembre 2026, jusqu'à quand puis-je me"
            " rétracter ?", "fr", "2026-11-18", "18 novembre 2026",
        ),
    ],
)  # fmt: skip
async def test_the_sum_is_said_at_once_with_its_sources(
    app: Any, message: str, language: str, value: float | str, said: str
) -> None:
    reply = await last(app, message)

    assert reply["calculation"]["value"] == value
    assert figures(said) in figures(reply["summary"])
    assert reply["language"] == language
    assert reply["confidence"] == "high"
    assert section(reply, "calculation")
    cited = {citation["id"] for citation in reply["citations"]}
    assert cited == {article["id"] for article in reply["calculation"]["articles"]}
    for citation in reply["citations"]:
        assert citation["quote"]
        assert citation["url"] in reply["response"]


def plain(text: str) -> str:
    return text.replace("\u202f", " ").replace("\u00a0", " ")


def figures(text: str) -> str:
    """Return a text without what parts its thousands, in one language or another."""
    return re.sub(r"(?<=\d)[ ,](?=\d{3})", "", plain(text))


async def test_both_sides_stand_beside_each_other_with_what_decides(app: Any) -> None:
    reply = await last(app, "Indemnité de licenciement : 7 ans, 2 300 € brut, Syntec, cadre")

    summary, steps = plain(reply["summary"]), plain(section(reply, "calculation"))
    assert "Code du travail : 4 025 €" in summary
    assert "5 366,67 €" in summary
    assert "plus favorable" in summary
    assert "1/4 × 2 300 € × 7 ans = 4 025 €" in steps
    assert "1/3 × 2 300 € × 7 ans = 5 366,67 €" in steps


async def test_what_is_missing_is_asked_one_thing_at_a_time(app: Any) -> None:
    first, second, third = await talk(
        app, "Quelle indemnité de licenciement chez Syntec, 7 ans d'ancienneté ?", "cadre", "2 300"
    )

    assert (first["calculation"], second["calculation"]) == (None, None)
    assert "Ingénieurs et cadres" in first["clarification"]["choices"]
    assert "salaire brut" in second["clarification"]["question"]
    facts = [one["clarification"]["fact"] for one in (first, second)]
    assert facts == ["category", "monthly_gross_pay_eur"]
    assert third["calculation"]["value"] == 5366.67


async def test_a_choice_shown_completes_the_calculation(app: Any) -> None:
    first = (await talk(app, "Indemnité de licenciement, Syntec, 7 ans, 2 300 € brut"))[0]
    choices: Sequence[str] = first["clarification"]["choices"]
    assert "Ingénieurs et cadres" in choices

    reply = await last(
        app, "Indemnité de licenciement, Syntec, 7 ans, 2 300 € brut", "Ingénieurs et cadres"
    )

    assert reply["calculation"]["value"] == 5366.67


@pytest.mark.parametrize(
    ("first", "change", "value"),
    [
        ("Indemnité de licenciement 7 ans 2300", "et si j'avais 10 ans ?", 5750),
        ("Indemnité de licenciement 7 ans 2300", "et avec 2 500 € ?", 4375),
        ("severance 7 years 2300 gross", "what if I had 10 years?", 5750),
        ("解雇补偿 7年 2300", "如果是10年呢？", 5750),
        ("ค่าชดเชยเลิกจ้าง ทำงาน 7 ปี เงินเดือน 2300 ยูโร", "ถ้าทำงาน 10 ปีล่ะ", 5750),
        ("prime de précarité CDD 11 100 € brut", "et si j'avais gagné 12 000 € en tout ?", 1200),
    ],
)
async def test_one_fact_is_changed_and_the_new_result_shown(
    app: Any, first: str, change: str, value: float
) -> None:
    before, after = await talk(app, first, change)

    assert before["calculation"]["value"] != value
    assert after["calculation"]["value"] == value


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("Licencié pour faute grave après 8 ans, 2 300 €, quelle indemnité ?", "gross_misconduct"),
        (
            "Je suis en CDD et on me licencie, quelle indemnité de licenciement ?",
            "fixed_term_or_temporary_contract",
        ),
        (
            "Indemnité de licenciement, 5 mois d'ancienneté, 2 300 € brut",
            "seniority_under_8_months",
        ),
    ],
)
async def test_what_is_excluded_is_said(app: Any, message: str, reason: str) -> None:
    reply = await last(app, message)

    assert reply["calculation"]["not_due"] == reason
    assert "rien n'est dû" in reply["summary"]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("Indemnité de licenciement, 10 ans, je gagne 1 700 € net", "brut"),
        ("Indemnité de licenciement, plus de deux ans d'ancienneté, 2 300 € brut", "ancienneté"),
        ("Indemnité de licenciement, embauché en 2019, 2 300 € brut", "ancienneté"),
        ("Inapte, 10 ans, 2 300 € brut : quelle indemnité de licenciement ?", "inaptitude"),
    ],
)
async def test_nothing_that_decides_is_guessed(app: Any, message: str, said: str) -> None:
    reply = await last(app, message)

    assert reply["calculation"] is None
    assert said in reply["clarification"]["question"] or said in reply["summary"]


async def test_assumptions_are_listed(app: Any) -> None:
    reply = await last(app, "Licencié, embauché en mars 2019, 2 100 €, combien vais-je toucher ?")

    told = " ".join(reply["calculation"]["assumptions"])
    assert reply["calculation"]["value"] is not None
    assert "1er mars 2019" in told
    assert "20 novembre 2026" in told  # today
    assert "brut" in told
    for line in reply["calculation"]["assumptions"]:
        assert line in reply["response"]


async def test_no_agreement_named_gives_the_legal_minimum_and_offers_to_name_it(app: Any) -> None:
    first, second = await talk(app, "Indemnité de licenciement 7 ans 2300", "Syntec, je suis cadre")

    assert "minimum" in first["summary"]
    assert "convention" in first["clarification"]["question"]
    assert second["calculation"]["value"] == 5366.67
    assert second["agreement"]["agreement"]["idcc"] == "1486"


async def test_an_agreement_without_rule_gives_the_minimum_of_the_law(app: Any) -> None:
    reply = await last(app, "Indemnité de licenciement 7 ans 2300", agreement=not_held())

    assert reply["calculation"]["value"] == 4025
    assert reply["calculation"]["is_minimum"]
    assert "minimum" in reply["summary"]


def not_held() -> str:
    """Return the number of an agreement known here without a rule file."""
    held = set(agreements_held())
    return next(idcc for idcc in sorted(known_agreements(), reverse=True) if idcc not in held)


async def test_no_model_touches_the_figures(running_app: Any) -> None:
    engine = ScriptedEngine("Vous toucherez 9 999 €.")
    async with running_app(engine) as app:
        reply = await last(app, "Indemnité de licenciement 7 ans 2300")

    assert reply["calculation"]["value"] == 4025
    assert "9 999" not in reply["response"]
    assert reply["tokens_used"] == 0


async def test_a_calculation_is_streamed_and_cached_whole(app: Any) -> None:
    body = {"prompt": "Indemnité de licenciement 7 ans 2300"}
    first, again = [
        (await app.client.post("/api/v1/generate", json=body, headers=app.key_header())).json()
        for _ in range(2)
    ]
    streamed = await app.client.post(
        "/api/v1/generate", json={**body, "stream": True}, headers=app.key_header()
    )

    assert again["cached"]
    assert again["calculation"] == first["calculation"]
    assert '"value":4025' in streamed.text.replace(" ", "")


async def test_another_question_beside_a_calculation_is_answered_too(app: Any) -> None:
    reply = await last(
        app,
        "Combien vais-je toucher d'indemnité de licenciement avec 7 ans et 2 300 € brut ?"
        " Et mon employeur peut-il me dispenser de préavis ?",
    )

    assert reply["calculation"]["value"] == 4025
    assert section(reply, "calculation")
    assert section(reply, "sources") or section(reply, "nearest")


async def test_a_notice_of_an_unsaid_end_asks_which(app: Any) -> None:
    first = (await talk(app, "Quel préavis ? HCR, employé, 8 mois"))[0]
    assert len(first["clarification"]["choices"]) == 3

    reply = await last(
        app, "Quel préavis ? HCR, employé, 8 mois", first["clarification"]["choices"][0]
    )

    assert (reply["calculation"]["value"], reply["calculation"]["unit"]) == (15, "jours")


@pytest.mark.parametrize(
    "message",
    [
        "I'm a waiter, 8 months in a restaurant, resigning: what notice?",
        "เป็นพนักงานเสิร์ฟในร้านอาหาร ทำงานมา 8 เดือน จะลาออก ต้องแจ้งล่วงหน้ากี่วัน",
        "我是餐厅服务员，工作8个月，要辞职，提前多久通知？",
    ],
)
async def test_a_trade_told_in_another_language_finds_its_agreement(app: Any, message: str) -> None:
    reply = await last(app, message)

    assert (reply["calculation"]["value"], reply["calculation"]["unit"]) == (15, "jours")
    assert reply["agreement"]["agreement"]["idcc"] == "1979"


@pytest.mark.parametrize(
    ("message", "value", "unit"),
    [
        (
            "coiffeuse depuis 3 ans, idcc 2596, mon patron me licencie, combien de préavis ?",
            2,
            "mois",
        ),
        ("coiffeur depuis 4 mois, je suis licencié, quel préavis ?", 1, "semaines"),
    ],
)
async def test_a_trade_told_gives_its_category(
    app: Any, message: str, value: float, unit: str
) -> None:
    reply = await last(app, message)

    assert (reply["calculation"]["value"], reply["calculation"]["unit"]) == (value, unit)


async def test_agreements_that_fit_are_asked_for_by_name(app: Any) -> None:
    first = (await talk(app, "Je bosse chez Carrefour, licencié, 12 ans, 1 900 € brut, combien ?"))[
        0
    ]

    assert first["calculation"]["value"] == 6016.67
    assert any("2216" in choice for choice in first["clarification"]["choices"])


async def test_the_length_of_a_contract_gives_its_trial_period(app: Any) -> None:
    reply = await last(app, "Période d'essai CDD de 3 mois ?")

    assert reply["calculation"]["calculator"] == "trial_period"
    assert reply["calculation"]["value"] == 13


async def test_a_follow_up_stays_with_the_case(app: Any) -> None:
    replies = await talk(
        app,
        "Mon patron veut me licencier, je suis chez Syntec, cadre, depuis 4 ans, 3 200 € brut",
        "combien je toucherais ?",
        "et en rupture conventionnelle ?",
        "et si c'est pour faute grave ?",
    )

    assert replies[1]["calculation"]["value"] == 4266.67
    assert replies[2]["calculation"]["calculator"] == "mutual_termination_pay"
    assert replies[2]["calculation"]["value"] == 4266.67


async def test_the_months_of_a_contract_and_its_pay_give_the_bonus(app: Any) -> None:
    replies = await talk(
        app, "Prime de précarité de combien ?", "CDD", "6 mois", "1 850 € brut par mois"
    )

    assert replies[-1]["calculation"]["value"] == 1110
    assert any("1 850" in plain(one) for one in replies[-1]["calculation"]["assumptions"])


@pytest.mark.parametrize(
    ("first", "language"),
    [
        ("工作了7年，月薪税前2300欧元，被解雇能拿多少补偿金？", "zh"),
        ("ค่าชดเชยเลิกจ้าง ทำงาน 7 ปี เงินเดือน 2300 ยูโร ได้เท่าไหร่", "th"),
        ("How much severance after 7 years at 2300 euros gross a month?", "en"),
        ("Indemnité de licenciement 7 ans 2300", "fr"),
    ],
)
async def test_a_word_or_two_are_answered_in_the_language_before(
    app: Any, first: str, language: str
) -> None:
    replies = await talk(app, first, "Syntec", "cadre")

    assert replies[-1]["calculation"]["value"] == 5366.67
    assert [reply["language"] for reply in replies] == [language] * 3


@pytest.mark.parametrize(
    ("messages", "values"),
    [
        (
            ("Indemnité de licenciement Syntec", "cadre", "3 ans et demi", "3000 brut"),
            ("3 500 €", "10 000 €"),
        ),
        (
            ("Préavis de démission", "hôtellerie restauration", "serveur, 8 mois"),
            ("15 jours", "1 mois"),
        ),
    ],
)
async def test_a_subject_named_alone_becomes_a_sum_once_the_case_is_told(
    app: Any, messages: Sequence[str], values: tuple[str, str]
) -> None:
    replies = await talk(app, *messages, "et si j'avais 10 ans ?")
    assert replies[0]["calculation"] is None
    told = [plain(reply["calculation"]["text"]) for reply in replies[-2:]]
    assert tuple(told) == values


@pytest.mark.parametrize(
    "message",
    [
        "prime de précarité en CDD saisonnier, 5000 € brut en tout, combien ?",
        "J'ai fait les vendanges en CDD, 1 800 € brut au total : combien de prime de précarité ?",
        "Combien de prime de fin de contrat pour un CDD d'usage payé 3 000 € brut ?",
        "How much end-of-contract bonus for a seasonal contract of 5000 euros gross in total?",
        "季节性合同结束，总工资税前5000欧元，合同结束奖金是多少？",
    ],
)
async def test_a_fixed_term_contract_without_a_bonus_is_said_to_have_none(
    app: Any, message: str
) -> None:
    reply = await last(app, message)
    assert reply["calculation"]["value"] == "not_due"
    assert reply["calculation"]["not_due"] == "contract_type_excluded"
    assert any("L1243-10" in article["title"] for article in reply["calculation"]["articles"])


async def test_the_summary_of_a_deadline_says_which_one_it_is(app: Any) -> None:
    reply = await last(
        app, "On m'a notifié mon licenciement le 3 mars 2026, jusqu'à quand puis-je contester ?"
    )
    assert reply["summary"].startswith("Contestation d'un licenciement : 3 mars 2027.")


async def test_an_agreement_with_a_bonus_of_its_own_for_contracts_of_usage_keeps_it(
    app: Any,
) -> None:
    asked = "Combien de prime de fin de contrat pour un CDD d'usage, 3 000 € brut en tout,"
    reply = await last(app, f"{asked} en organisme de formation (IDCC 1516) ?")
    assert (reply["calculation"]["value"], reply["calculation"]["source"]) == (180, "agreement")
    sport = await last(app, f"{asked} dans le sport (IDCC 2511) ?")
    assert len(sport["clarification"]["choices"]) == 2


async def test_parents_who_take_a_child_back_are_no_retirement(app: Any) -> None:
    reply = await last(
        app,
        "Assistante maternelle depuis 2 ans, les parents me retirent l'enfant, quel préavis ?",
    )
    asked = reply["clarification"] or {"question": ""}
    assert "retraite" not in f"{reply['summary']} {asked['question']}"


COMPLETE = "Je suis licencié après 6 ans, 2 400 € brut par mois, combien d'indemnité ?"
LACKS_PAY = "Je suis licenciée après six ans, combien d'indemnité ?"
TOLD_NOTHING = [
    (COMPLETE, "Con bien de jour de concert payer par an"),  # a recording misheard
    (COMPLETE, "Combien de jours de coups de paie par an ?"),  # another
    (COMPLETE, "mon collègue raconte n'importe quoi à tout le monde"),
    (COMPLETE, "la neige tombe"),
    (COMPLETE, "Mon patron veut que je vienne dimanche prochain"),
    (COMPLETE, "Merci, et bonne journée à vous !"),
    (COMPLETE, "ok"),
    ("How much severance after 7 years at 2300 euros gross a month?", "the weather is awful"),
    ("工作了7年，月薪税前2300欧元，被解雇能拿多少补偿金？", "今天天气很好"),
    ("8 heures sup à 13 € de l'heure, combien ?", "mon voisin a un chien"),
    (LACKS_PAY, "ma cheffe me harcèle chaque matin"),
]


@pytest.mark.parametrize(("first", "message"), TOLD_NOTHING)
async def test_a_message_that_tells_a_calculation_nothing_does_not_get_it_again(
    app: Any, first: str, message: str
) -> None:
    before, after = await talk(app, first, message)

    assert before["calculation"] or before["clarification"]
    assert after["calculation"] is None
    assert after["clarification"] is None or after["clarification"] != before["clarification"]
    assert before["summary"] not in after["response"]
    assert after["language"] == before["language"]


async def test_an_agreement_is_named_in_a_sentence_or_asked_for_again(app: Any) -> None:
    told = await last(app, COMPLETE, "on fait le nettoyage de bureaux")
    _, unknown, named = await talk(app, COMPLETE, "les trucs de la boîte", "la convention Syntec")

    assert told["agreement"]["agreement"]["idcc"] == "3043"
    assert unknown["summary"].startswith("Je ne reconnais pas de convention collective")
    assert "Ingénieurs et cadres" in named["clarification"]["choices"]


async def test_what_follows_another_matter_is_asked_of_it(app: Any, library: Any) -> None:
    await talk(app, COMPLETE, "Mon patron veut que je vienne dimanche prochain", "et la nuit ?")

    assert library.asked[-1].startswith("Mon patron veut que je vienne dimanche prochain")


async def test_a_question_after_thanks_is_a_subject_of_its_own(app: Any, library: Any) -> None:
    await last(app, COMPLETE, "merci, et mon patron peut-il refuser mes congés ?")

    assert library.asked[-1] == "et mon patron peut-il refuser mes congés ?"


@pytest.mark.parametrize("first", [COMPLETE, LACKS_PAY])
@pytest.mark.parametrize("danger", ["je veux mourir", "j'en peux plus, je veux en finir"])
async def test_who_is_in_danger_in_a_calculation_reads_who_to_call_and_is_asked_nothing(
    app: Any, first: str, danger: str
) -> None:
    before, reply, after = await talk(app, first, danger, "2 600 euros brut par mois")

    first_paragraph, *others = reply["response"].split("\n\n")
    assert "3114" in first_paragraph
    assert reply["abstained"]["reason"] == "distress"
    assert (reply["calculation"], reply["clarification"], reply["citations"]) == (None, None, [])
    assert before["clarification"]["question"] not in reply["response"]
    assert (
        others[-1] == "Votre calcul attendra : quand vous le voudrez, dites-le et nous le"
        " reprendrons où nous en étions."
    )
    assert after["calculation"]["value"] == 3900


async def test_a_calculation_interrupted_by_danger_is_taken_up_again(app: Any) -> None:
    first, _, again = await talk(app, LACKS_PAY, "je veux mourir", "oui, reprenons")

    assert again["clarification"] == first["clarification"]


@pytest.mark.parametrize(
    ("first", "then", "value"),
    [
        ("Quelle est la durée du préavis en cas de démission ?",
         "Et pour un licenciement, si j'ai plus de deux ans d'ancienneté ?", 2),
        ("Quelle est la durée du préavis en cas de démission ?",
         "Et si on me licencie après 3 ans d'ancienneté ?", 2),
        ("Quel est mon préavis si je démissionne ?",
         "et en cas de licenciement avec 18 mois d'ancienneté ?", 1),
        ("What is my notice period if I resign?", "And if I am dismissed after 3 years?", 2),
    ],
)  # fmt: skip
async def test_a_follow_up_asks_the_same_of_another_end_of_the_contract(
    app: Any, first: str, then: str, value: int
) -> None:
    reply = await last(app, first, then)
    assert reply["calculation"]["calculator"] == "dismissal_notice"
    assert reply["calculation"]["value"] == value
