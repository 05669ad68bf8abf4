"""Facts told in Thai and Chinese make the same profile as in French."""

from datetime import date

import pytest

from ai_core.answering.understanding.clarifications import Clarifications
from ai_core.answering.understanding.messages import understand
from ai_core.answering.understanding.profiles import profile_of
from ai_core.engines.base import ChatMessage

TODAY = date(2026, 11, 30)
CLARIFICATIONS = Clarifications.read()


@pytest.mark.parametrize(
    ("told", "french"),
    [
        ("我在这里工作了4年，我是管理人员", "Je travaille ici depuis 4 ans, je suis cadre"),
        ("我怀孕了，合同是CDD", "Je suis enceinte, je suis en CDD"),
        ("公司有30名员工", "Nous sommes 30 salariés"),
        ("我的工龄是三年", "Mon ancienneté est de 3 ans"),
        ("ฉันทำงานมา 4 ปี ฉันเป็นผู้บริหาร", "Je travaille ici depuis 4 ans, je suis cadre"),
        ("ฉันท้อง มีสัญญา CDD", "Je suis enceinte, je suis en CDD"),
        ("บริษัทมีลูกจ้าง 30 คน", "Nous sommes 30 salariés"),
        ("อายุงานของฉัน 3 ปี", "Mon ancienneté est de 3 ans"),
    ],
)
def test_the_profile_is_that_of_the_french_words(told: str, french: str) -> None:
    assert profile_of([told], TODAY) == profile_of([french], TODAY)


@pytest.mark.parametrize(
    "mentioned",
    ["管理人员的试用期是多长？", "我同事是管理人员", "ผู้บริหารทดลองงานกี่เดือน", "เพื่อนเป็นผู้บริหาร"],
)
def test_a_fact_of_somebody_else_is_not_the_asker_s(mentioned: str) -> None:
    assert profile_of([mentioned], TODAY).category is None


@pytest.mark.parametrize(
    ("asked", "language", "unknown"),
    [("我要辞职，提前多久通知？", "zh", "我不知道"), ("ลาออกต้องแจ้งล่วงหน้ากี่วัน", "th", "ไม่ทราบค่ะ")],
)
def test_whoever_does_not_know_is_not_asked_again(asked: str, language: str, unknown: str) -> None:
    ask = CLARIFICATIONS.ask("agreement", "zh" if language == "zh" else "th")
    history = [ChatMessage("user", asked), ChatMessage("assistant", ask.question)]
    understood = understand(unknown, history, CLARIFICATIONS, TODAY)
    assert understood.unknown == "agreement"
    assert asked in understood.query
