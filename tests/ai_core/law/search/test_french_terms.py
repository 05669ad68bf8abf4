"""What a question in another language names is searched in French words."""

import re
import tomllib
from importlib.resources import files

import pytest

from ai_core.answering.understanding.clarifications import Clarifications
from ai_core.answering.understanding.messages import as_written
from ai_core.law.search.french_terms import french_terms, terms_in_french
from shared.frame_languages import FRAME_LANGUAGES
from shared.languages import LANGUAGES

TABLE = tomllib.loads((files("ai_core.law") / "data" / "foreign_terms.toml").read_text("utf-8"))
OTHERS = {*LANGUAGES, *FRAME_LANGUAGES} - {"fr"}


def test_every_term_has_marks_in_eight_languages() -> None:
    for french, marks in TABLE.items():
        assert set(marks) - {"all"} == OTHERS, french
        for language, ones in marks.items():
            assert all(re.compile(one) for one in ones), (french, language)


@pytest.mark.parametrize(
    "asked",
    [
        "Minha missão de intérim acabou e continuo na fábrica",
        "Mi misión de interim con la empresa terminó pero sigo en el trabajo",
        "Misiunea mea de interim s-a terminat",
        "หมดสัญญา interim แล้ว",
        "我的 intérim 合同到期了",
        "انتهت مهمتي intérim",
    ],
)
def test_a_french_word_is_known_among_those_of_any_language(asked: str) -> None:
    assert "intérim" in french_terms(asked).split()


@pytest.mark.parametrize(
    "asked",
    [
        "I want to resign, how long is my notice?",
        "อยากลาออก ต้องบอกล่วงหน้านานไหม",
        "我想辞职，预告期是多长？",
        "أريد أن أستقيل، كم مدة الإشعار؟",
        "quero pedir demissão, qual é o aviso prévio?",
        "quiero dimitir, ¿cuánto es el preaviso?",
        "vreau să îmi dau demisia, cât este preavizul?",
        "ich möchte kündigen, wie lang ist die Kündigungsfrist?",
    ],
)
def test_one_question_has_the_same_words_in_every_language(asked: str) -> None:
    assert {"démission", "préavis"} <= set(french_terms(asked).split())


@pytest.mark.parametrize(
    ("asked", "terms"),
    [
        ("Mir wurde in der Probezeit gekündigt", {"licenciement", "essai"}),
        ("Ich bin schwanger, darf mich mein Chef entlassen?", {"grossesse", "licenciement"}),
        ("Bekomme ich für Überstunden einen Zuschlag?", {"heures", "supplémentaires"}),
        ("Mein Lohn wurde seit zwei Monaten nicht bezahlt", {"salaire", "impayé"}),
    ],
)
def test_a_german_question_has_french_words(asked: str, terms: set[str]) -> None:
    assert terms <= set(terms_in_french(asked).split())


def test_a_french_question_has_none() -> None:
    assert terms_in_french("Je veux démissionner, quel est mon préavis ?") == ""
    assert as_written("Je veux démissionner").with_terms == "Je veux démissionner"


def test_paid_leave_in_thai_is_not_taken_for_heat() -> None:
    assert "chaleur" not in french_terms("ลาพักร้อนได้กี่วัน")
    assert "chaleur" in french_terms("ในโรงงานร้อนมาก ทำอย่างไรได้บ้าง")


@pytest.mark.parametrize(
    ("asked", "language", "question"),
    [
        ("我要辞职，需要提前多久通知？", "zh", "集体协议"),
        ("ลาออกต้องแจ้งล่วงหน้านานเท่าไร", "th", "ข้อตกลงร่วม"),
        ("¿cuánto es el preaviso si dimito?", "en", "collective agreement"),
    ],
)
def test_a_rule_of_clarifications_reads_every_language(
    asked: str, language: str, question: str
) -> None:
    known = next(one for one in LANGUAGES if one == language)
    found = Clarifications.read().choose(as_written(asked).with_terms, (), (), known)
    assert found is not None
    assert question in found.question


@pytest.mark.parametrize(
    ("asked", "term"),
    [
        ("¿Me tienen que pagar las horas extra?", "majorées"),
        ("Bekomme ich die Überstunden bezahlt?", "majorées"),
        ("O patrão não quer declarar o acidente", "déclarer"),
        ("Patronul nu vrea să declare accidentul", "déclarer"),
        ("Câte ore pe zi am voie să lucrez?", "maximale"),
        ("¿Cuánto tiempo tengo para reclamar?", "prescription"),
    ],
)
def test_what_is_asked_of_a_subject_is_named_too(asked: str, term: str) -> None:
    assert term in french_terms(asked).split()
