"""Sums in words become figures; years, months and small numbers stay as they are written."""

import pytest

from ai_core.answering.understanding.cases.spoken_sums import sums_in_figures


@pytest.mark.parametrize(
    ("script", "text", "figures"),
    [
        ("spaced", "sept ans, deux mille neuf cent quatre-vingt-dix euros", "sept ans, 2990 euros"),
        ("spaced", "deux mille trois cents brut", "2300 brut"),
        ("spaced", "two thousand five hundred euros, six years", "2500 euros, six years"),
        ("spaced", "quatre-vingt-dix mille", "90000"),
        ("spaced", "vingt et un mille", "21000"),
        ("spaced", "je touche mille euros", "je touche 1000 euros"),
        ("spaced", "mille mercis, vingt ans, cent heures", "mille mercis, vingt ans, cent heures"),
        ("spaced", "un cdd de deux mois", "un cdd de deux mois"),
        ("chinese", "月薪两千五,工作三年半", "月薪2500,工作三年半"),
        ("chinese", "两千三百四十五欧", "2345欧"),
        ("chinese", "三千零五十", "3050"),
        ("chinese", "一万两千", "12000"),
        ("chinese", "一万二", "12000"),
        ("thai", "ทำงานหกปีครึ่ง เงินเดือนสองพันห้าร้อยยูโร", "ทำงานหกปีครึ่ง เงินเดือน2500ยูโร"),
        ("thai", "2 พันยูโร", "2000ยูโร"),
        ("thai", "สองหมื่นสี่พัน สามสิบวัน", "24000 สามสิบวัน"),
    ],
)
def test_sums_in_words_become_figures(script: str, text: str, figures: str) -> None:
    assert sums_in_figures(text, script) == figures


@pytest.mark.parametrize(
    ("script", "words"), [("spaced", "deux mille "), ("chinese", "两千零"), ("thai", "สองพัน")]
)
def test_a_long_row_of_number_words_is_read_at_once(script: str, words: str) -> None:
    assert sums_in_figures(words * 300 + "x", script).endswith("x")
