"""What ai_core learns of a mail's sender: nothing that the mail itself tells."""

import time

import pytest

from mail_service.ledger.records import Conversation, PastMessage
from mail_service.processing.ai_request import (
    SEPARATOR,
    MaskedRequest,
    join_messages,
    question_text,
)
from mail_service.reading.message import Mail, read_mail
from shared.privacy.masking import mask
from tests.mail_service.mails import QUESTION, raw_mail

SENDER = "Zébulon de La Quenotte <z@personne.example>"


NAMELESS = "a@personne.example"


def build_request(mail: Mail, conversation: Conversation, model: str | None) -> MaskedRequest:
    joined = join_messages(mail, conversation)
    return joined.masked(mask(joined.text), model)


@pytest.mark.parametrize(
    ("sender", "text", "hidden"),
    [
        (SENDER, "Je suis Zébulon de La Quenotte, quel préavis ?", ("zebulon", "quenotte")),
        (SENDER, "ZEBULON DE LA QUENOTTE demande un congé", ("zebulon", "quenotte")),
        (SENDER, "Mon fils et moi, Zébulon, voulons savoir.", ("zebulon",)),
        (SENDER, "Voir zebulon-de-la_quenotte.pdf pour le contrat", ("zebulon", "quenotte")),
        (SENDER, "Quenotte Zébulon, matricule 12, quel préavis ?", ("zebulon", "quenotte")),
        (
            "a@personne.example",
            "Quel préavis ?\n\nBien cordialement,\n\nOdilon Barbichet",
            ("odilon",),
        ),
        (
            "a@personne.example",
            "Quel préavis ?\nMerci d'avance\nMme BARBICHET odile",
            ("barbichet",),
        ),
        (NAMELESS, "Quel préavis ?\nCordialement\nodilon barbichet", ("odilon", "barbichet")),
        (NAMELESS, "Notice?\n\nKind regards,\nOdilon Barbichet", ("odilon",)),
        (NAMELESS, "je m'appelle odilon barbichet et je démissionne", ("odilon",)),
        (NAMELESS, "My name is Odilon Barbichet. How long?", ("odilon", "barbichet")),
        (NAMELESS, "Je suis Madame Barbichet, quel congé ?", ("barbichet",)),
    ],
)
def test_the_sender_s_name_is_masked_wherever_it_stands(
    sender: str, text: str, hidden: tuple[str, ...]
) -> None:
    mail = read_mail(raw_mail(text, sender=sender, subject="Question de Zébulon de La Quenotte"))
    masked = build_request(mail, Conversation(1), None)
    sent = masked.request.model_dump_json().lower().replace("é", "e")
    for name in hidden:
        assert name not in sent
    assert masked.sender_name


def test_earlier_messages_are_masked_with_the_same_names() -> None:
    past = PastMessage("user", "Ici Zébulon de La Quenotte. Quel préavis ?")
    mail = read_mail(raw_mail("Et pour un cadre, combien de temps ?", sender=SENDER))
    masked = build_request(mail, Conversation(1, (past,)), None)
    assert "bulon" not in masked.request.model_dump_json()
    assert masked.with_data("Bonjour [nom].") == "Bonjour Zébulon de La Quenotte."
    assert masked.without_data("Bonjour [nom].") == "Bonjour […]."


@pytest.mark.parametrize(
    "text",
    [
        "Quelle est la durée du préavis en cas de démission, selon le Code du travail ?",
        "Mon employeur dit que c'est un droit.\nMerci\nQuel est le délai ?",
        "Cordialement reçu hier. Quelle indemnité ?",
        "Merci\nQuel est le délai",
        "Cordialement\nquel est le délai ?",
    ],
)
def test_words_of_the_question_are_left(text: str) -> None:
    mail = read_mail(raw_mail(text, sender="Droit du Travail <d@personne.example>", subject=""))
    sent = build_request(mail, Conversation(1), None).request.messages[-1].content
    assert sent == text.replace("Merci\n", "")


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        (
            "Madame, Monsieur,\n\nMon chef refuse mes congés.\n\nEn a-t-il le droit ?\n\n"
            "Merci de votre réponse,\nZébulon de La Quenotte\n06 12 34 56 78",
            "Mon chef refuse mes congés.\nEn a-t-il le droit ?\n06 12 34 56 78",
        ),
        ("Bonjour, quel préavis ?\nMerci d'avance\nZébulon", "quel préavis ?"),
        (
            "Hello,\nHow long is my notice?\nKind regards,\nZébulon\nParis office",
            "How long is my notice?",
        ),
        ("您好，\n加班费怎么算？\n谢谢", "加班费怎么算？"),
        (
            "Guten Tag,\nwie lang ist die Frist?\nMit freundlichen Grüßen\nZébulon",
            "wie lang ist die Frist?",
        ),
        ("Buenos días, ¿cuántas horas?\nGracias\nSaludos", "¿cuántas horas?"),
        ("Bom dia, quantas horas?\nMuito obrigado", "quantas horas?"),
        ("Bună ziua, câte ore?\nMulțumesc anticipat", "câte ore?"),
        ("Dzień dobry, ile godzin?\nPozdrawiam\nZébulon", "ile godzin?"),
        (
            "Quel préavis ?\nCordialement,\nZébulon\nPS : je suis cadre",
            "Quel préavis ?\nCordialement,\n[nom]\nPS : je suis cadre",
        ),
        (
            "Je suis licencié.\nCordialement,\nZébulon\nQuel préavis ?",
            "Je suis licencié.\nCordialement,\n[nom]\nQuel préavis ?",
        ),
    ],
)
def test_a_letter_is_asked_without_its_formulas(text: str, asked: str) -> None:
    mail = read_mail(raw_mail(text, sender=SENDER, subject=""))
    joined = join_messages(mail, Conversation(1, (PastMessage("user", "Bonjour."),)))
    assert joined.text.split(SEPARATOR) == ["Bonjour.", asked]


def test_nothing_is_stored_at_ai_core() -> None:
    assert not build_request(read_mail(raw_mail()), Conversation(1), None).request.store


def test_the_name_of_the_usual_question_is_masked() -> None:
    sent = build_request(read_mail(raw_mail()), Conversation(1), None).request.messages[-1].content
    assert "Camille" not in QUESTION.split("Cordialement", maxsplit=1)[0]
    assert "Camille" not in sent
    assert "Durand" not in sent


@pytest.mark.parametrize("unit", ["je m'appelle ", "Merci\n", "a b c d ", "Zé-", "Cordialement, "])
def test_the_time_is_linear_in_the_text(unit: str) -> None:
    spent = []
    for size in (50_000, 200_000):
        mail = read_mail(raw_mail(unit * (size // len(unit)), sender=SENDER))
        start = time.process_time()
        build_request(mail, Conversation(1), None)
        spent.append(time.process_time() - start)
    assert spent[1] < 12 * max(spent[0], 0.02)


FORWARDED = (
    "\n\n---------- Forwarded message ---------\nDe : Martin <m@b.example>\n"
    "Date: mer. 18 nov. 2026 à 17:20\nSubject: absence\nTo: c@p.example\n\nMa vendeuse est partie."
)


def test_a_mail_that_outlook_forwards_without_a_mark_asks_what_it_asks() -> None:
    above = "Pouvez-vous me dire ce qu'il en est ? Merci\nCamille\n\n"
    header = "De : Denis\nEnvoyé : mardi 24 novembre 2026 09:12\nÀ : Camille\nObjet : absence\n\n"
    mail = read_mail(raw_mail(f"{above}{header}Ma vendeuse est partie.", subject="TR: absence"))

    assert question_text(mail) == "absence\n\nMa vendeuse est partie."


@pytest.mark.parametrize(
    ("above", "stays"),
    [
        (
            "Bonjour,\nJe vous transfère sa question, pouvez-vous y répondre ?\nCamille",
            False,
        ),
        ("Voir ci-dessous. Merci d'avance !", False),
        ("Pouvez-vous me dire ce qu'il en est ? Merci", False),
        ("Bonjour, que dois-je lui répondre ?", False),
        ("", False),
        ("Hi,\nplease see below, could you help?\nThanks", False),
        ("您好，\n转发客户的问题，请回复。谢谢", False),
        ("Voir ci-dessous. Est-ce légal à temps partiel ?", True),
        ("Bonjour, pouvez-vous me répondre vite ? Elle est enceinte.", True),
        ("Pouvez-vous m'aider à calculer mon préavis ?", True),
    ],
)
def test_who_only_points_at_the_mail_they_forward_asks_what_it_asks(
    above: str, stays: bool
) -> None:
    mail = read_mail(raw_mail(above + FORWARDED, subject="Fwd: absence"))
    question = question_text(mail)
    assert "Ma vendeuse est partie." in question
    assert question.startswith("absence")
    assert (above.strip()[:12] in question and "m@b.example" in question) == stays
