"""Messages that ask nothing."""

import pytest

from shared.courtesies import courtesy_of
from tests.telegram_service.running_app import RunningApp

ALICE = 11


@pytest.mark.parametrize(
    ("text", "kind", "language"),
    [
        ("OK", "agreed", None),
        ("👍🏽", "agreed", None),
        ("d’accord, c'est noté", "agreed", "fr"),
        ("Merci infiniment pour votre réponse !", "thanks", "fr"),
        ("ok merci", "thanks", "fr"),
        ("thank you so much", "thanks", "en"),
        ("got it", "agreed", "en"),
        ("ขอบคุณมากค่ะ", "thanks", "th"),
        ("เข้าใจแล้วครับ", "agreed", "th"),
        ("好的，谢谢您", "thanks", "zh"),
        ("明白了", "agreed", "zh"),
        ("❤️", "thanks", None),
    ],
)
def test_courtesies_are_known_with_their_language(text: str, kind: str, language: str) -> None:
    found = courtesy_of(text)
    assert found is not None
    assert (found.kind, found.language) == (kind, language)


@pytest.mark.parametrize(
    "text",
    [
        "ok et mon préavis ?",
        "merci de me dire mon préavis",
        "oui",
        "bien",
        "et",
        "ok ?",
        "好的，那工资呢",
        "ได้ไหม",
        "no thanks needed for a notice period",
        "",
        "?",
    ],
)
def test_what_asks_something_is_no_courtesy(text: str) -> None:
    assert courtesy_of(text) is None


def test_a_repeated_sign_is_read_in_one_pass() -> None:
    """It splits into known words in 10**12 ways; trying them all would never end."""
    assert courtesy_of("嗯" * 58 + "吗") is None


@pytest.mark.slow
async def test_ok_and_thanks_are_answered_in_the_language_of_the_chat(app: RunningApp) -> None:
    for question, sentence in (
        ("Quel est le préavis en cas de démission ?", "Si une autre question vous vient"),
        ("How much notice must I give when I resign?", "If another question comes up"),
        ("ลาออกต้องแจ้งล่วงหน้ากี่เดือน", "หากมีคำถามอื่น"),
        ("辞职要提前多久通知？", "还有其他问题"),
    ):
        await app.ask(ALICE, question)
        asked = len(app.ai.asked)
        for said in ("ok", "👍"):
            [reply] = await app.ask(ALICE, said)
            assert sentence in reply["text"]
            assert len(app.ai.asked) == asked
    [reply] = await app.ask(12, "谢谢")
    assert "不客气" in reply["text"]
