"""The questions of a message: each with what is told before it, whatever stands between them."""

import pytest

from ai_core.answering.understanding.questions import questions_asked, speaks_of, title_of

STORY = "On m'a remis mardi une convocation à un entretien."


@pytest.mark.parametrize(
    ("message", "sentences"),
    [
        ("Quel est son préavis, et suis-je obligée de l'en dispenser ?",
         ["Quel est son préavis ?", "Suis-je obligée de l'en dispenser ?"]),
        ("Quelles formalités à l'embauche, et dans quel délai la visite médicale ?",
         ["Quelles formalités à l'embauche ?", "Dans quel délai la visite médicale ?"]),
        ("Puis-je arrêter de travailler, et où faut-il réclamer mon salaire ?",
         ["Puis-je arrêter de travailler ?", "Où faut-il réclamer mon salaire ?"]),
        ("Combien de jours puis-je prendre et sont-ils payés ?",
         ["Combien de jours puis-je prendre ?", "Sont-ils payés ?"]),
        ("How long is my leave, and how do I inform my employer?",
         ["How long is my leave ?", "How do I inform my employer?"]),
        ("Câte ore de muncă și cum se plătesc orele suplimentare?",
         ["Câte ore de muncă ?", "Cum se plătesc orele suplimentare?"]),
        ("Que faire d'une salariée qui ne vient plus au travail et qui refuse tout préavis ?",
         ["Que faire d'une salariée qui ne vient plus au travail et qui refuse tout préavis ?"]),
        ("Qui fixe mes congés et qui paie mon préavis ?",
         ["Qui fixe mes congés ?", "Qui paie mon préavis ?"]),
        ("Le salarié et l'employeur peuvent-ils signer ?",
         ["Le salarié et l'employeur peuvent-ils signer ?"]),
    ],
)  # fmt: skip
def test_questions_that_one_sentence_joins_are_parted(message: str, sentences: list[str]) -> None:
    assert [one.sentence for one in questions_asked(message)] == sentences


@pytest.mark.parametrize(
    ("question", "answered"),
    [
        ("Sont-ils payés ?", True),
        ("et l'essence ?", True),
        ("Puis-je l'en dispenser ?", False),
        ("Et la prime de panier ?", False),
        ("Et pour un sauna ?", False),
    ],
)
def test_an_answer_that_has_the_words_of_a_follow_up_speaks_of_it(
    question: str, answered: bool
) -> None:
    said = "Ces jours vous sont payés. Bassauna. L'essence est un frais : l'employeur la rembourse."
    assert speaks_of(said, question) == answered


def test_a_later_question_is_read_with_what_the_message_told_first() -> None:
    first, second = questions_asked(f"{STORY} Le délai est-il bon ? Et qui peut venir avec moi ?")

    assert first.alone == first.with_story == f"{STORY} Le délai est-il bon ?"
    assert second.alone == "Et qui peut venir avec moi ?"
    assert STORY in second.with_story


def test_a_follow_up_is_told_from_a_question_that_stands_alone() -> None:
    _, second = questions_asked(
        "Elle part lundi. Quel préavis doit-elle ? Puis-je l'en dispenser ?"
    )

    assert second.follows
    assert second.of_subject == ""
    assert second.with_story == "Elle part lundi. Puis-je l'en dispenser ?"


def test_a_follow_up_is_read_with_the_subjects_that_the_story_names() -> None:
    story = "Mon patron parle de licenciement et me convoque à un entretien, mardi, au bureau."
    _, second = questions_asked(f"{story} Le délai est-il bon ? Puis-je venir avec quelqu'un ?")

    assert second.of_subject == "licenciement entretien Puis-je venir avec quelqu'un ?"


@pytest.mark.parametrize(
    ("message", "sentences"),
    [
        ("ได้งานมา 8 เดือน นายจ้างบอกลาไม่ได้ จริงไหมคะ แล้วเขาปฏิเสธได้ไหมคะ",
         ["ได้งานมา 8 เดือน นายจ้างบอกลาไม่ได้ จริงไหมคะ?", "แล้วเขาปฏิเสธได้ไหมคะ?"]),
        ("je tombe mardi du toit et ma main est cassé le patron dit pas declarer il donne argent "
         "moi pas papier est ce que j'ai droit quelque chose et comment je fais",
         ["est ce que j'ai droit quelque chose et comment je fais ?"]),
        ("jsuis livreur le gérant me paye pas mes heures de nuit et il veut que je paye le scooter "
         "cassé 400e il peut retirer sur mon salaire ?",
         ["il veut que je paye le scooter cassé 400e il peut retirer sur mon salaire ?"]),
        ("1) Y a-t-il une température minimale ?\n2) Qui pouvons-nous alerter ?",
         ["Y a-t-il une température minimale ?", "Qui pouvons-nous alerter ?"]),
    ],
)  # fmt: skip
def test_a_question_is_found_where_no_mark_ends_it(message: str, sentences: list[str]) -> None:
    assert [one.sentence for one in questions_asked(message)] == sentences


@pytest.mark.parametrize(
    ("message", "title"),
    [
        ("Accident au travail\n\nMon patron ne veut pas déclarer.", "Accident au travail"),
        ("Qui paie ?\n\nMon patron ne veut pas rembourser.", ""),
        ("Mon patron ne veut pas déclarer mon accident.\n\nMerci", ""),
        ("Mon patron ne veut pas déclarer mon accident.", ""),
    ],
)
def test_the_subject_of_a_letter_is_its_title(message: str, title: str) -> None:
    assert title_of(message) == title
