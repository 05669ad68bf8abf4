"""Part time and age told in a conversation, over HTTP: the sum, what is assumed, what is asked.

The sums are worked out by hand from L1234-9, R1234-2 and L3123-5. All persons are invented.
"""

import re
from typing import Any

import pytest

from ai_core.answering.calculation.spoken_trades import as_told
from tests.ai_core.answering.calculation.test_conversations import plain, section, talk

PAY_BASIS = (2375, 1187.5)
"""3 years, 2 at full time and 1 at half: 1 900 € is a half-timer's pay, or a full-timer's."""


@pytest.mark.parametrize(
    ("message", "reply", "values"),
    [
        (
            "3 ans d'ancienneté, 1.9k brut, mi-temps depuis 1 an, licencié",
            "Celui d'un temps plein",
            PAY_BASIS,
        ),
        (
            "fired after 3 years, 1900 gross, half-time for the last year, how much severance?",
            "That of full time",
            PAY_BASIS,
        ),
        ("被解雇赔多少？工作3年，最近1年半职，税前1900欧", "全职工资", PAY_BASIS),
        (
            "ถูกเลิกจ้าง ทำงาน 3 ปี ปีสุดท้ายทำครึ่งเวลา 1 ปี เงินเดือน 1900 ยูโร ได้ค่าชดเชยเท่าไร",
            "ของงานเต็มเวลา",
            PAY_BASIS,
        ),
    ],
)
async def test_the_pay_is_taken_as_that_of_the_part_time_and_asked_for(
    app: Any, message: str, reply: str, values: tuple[float, float]
) -> None:
    first, second = await talk(app, message, reply)

    assert (first["calculation"]["value"], second["calculation"]["value"]) == values
    assert reply in first["clarification"]["choices"]
    assert reply not in ((second["clarification"] or {}).get("choices") or ())
    said = " ".join(first["calculation"]["assumptions"])
    assert "L3123-5" in said
    assert "1 900" in plain(said) or "1,900" in said
    for line in first["calculation"]["assumptions"]:
        assert line in section(first, "calculation")
    assert {"36", "30"} <= set(re.findall(r"\d+", section(first, "calculation")))  # months
    cited = [article["title"] for article in first["calculation"]["articles"]]
    assert any("L3123-5" in title for title in cited)


async def test_a_share_and_a_length_not_told_are_asked_one_by_one(app: Any) -> None:
    replies = await talk(
        app,
        "10 ans d'ancienneté, temps plein puis temps partiel, 1 700 brut, licencié, combien ?",
        "2 ans",
        "28 h par semaine",
        "et si c'était 50 % ?",
    )

    assert "duré" in replies[0]["clarification"]["question"]
    assert "80 %" in replies[1]["clarification"]["choices"]
    # 1 700 / 0,8 = 2 125 at full time: 10/4 × 2 125 × (96 + 24 × 0,8) / 120
    assert replies[2]["calculation"]["value"] == 5100
    assert replies[3]["calculation"]["value"] == 7650


async def test_part_time_through_the_whole_contract_changes_nothing(app: Any) -> None:
    (reply,) = await talk(app, "Licenciée après 7 ans à mi-temps, 1 200 € brut, combien ?")

    assert reply["calculation"]["value"] == 2100
    assert "L3123-5" not in reply["response"]


async def test_an_age_beside_a_service_is_no_second_service(app: Any) -> None:
    (reply,) = await talk(app, "12 ans, 3 800 brut, 52 ans, licencié éco, métallurgie cadre")

    # Article 75.3.1.2: (7 × 1/5 + 5 × 3/5) × 3 800, and a fifth more from 50 years of age on
    assert (reply["calculation"]["idcc"], reply["calculation"]["value"]) == ("3248", 20064)
    assert any("F, G, H ou I" in one for one in reply["calculation"]["assumptions"])


@pytest.mark.parametrize(
    ("reply", "value"), [("L'ancienneté", 28750), ("mon âge, j'ai 12 ans de boîte", 7283.33)]
)
async def test_years_that_may_be_either_are_asked_for_with_choices(
    app: Any, reply: str, value: float
) -> None:
    first, second = await talk(app, "licencié, 40 ans, 2 300 brut, combien ?", reply)

    assert first["calculation"] is None
    assert first["clarification"]["choices"] == ["L'ancienneté", "L'âge"]
    assert second["calculation"]["value"] == value


def test_the_words_that_name_a_trade_are_those_that_were_written() -> None:
    for text, told in (
        ("我是理发师，被解雇", "理发"),
        ("เป็นช่างทำผม ถูกเลิกจ้าง", "ช่างทำผม"),
        ("I'm a hairdresser", "hairdresser"),
        ("je travaille dans un salon de coiffure", "salon de coiffure"),
    ):
        assert as_told("salon de coiffure", ["autre chose", text]) == told
