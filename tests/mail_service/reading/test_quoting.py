"""What is cut from a reply, and above all what is not."""

import pytest

from mail_service.reading.message import read_mail
from mail_service.reading.quoting import written_now
from tests.mail_service.mails import raw_mail

INTRODUCTIONS = [
    "Le mar. 3 nov. 2026 à 10:02, Neo <q@neo.example> a écrit :",
    "Le mar. 3 nov. 2026 à 10:02, Neo <\nq@neo.example> a écrit :",
    "Le 03/11/2026 à 10:02, Neo a écrit :",
    "On Tue, Nov 3, 2026 at 10:02 AM Neo <q@neo.example> wrote:",
    "-----Message d'origine-----\nDe : Neo\nEnvoyé : mardi 3 novembre 2026\nÀ : moi\nObjet : x",
    "______________________\nDe : Neo <q@neo.example>\nEnvoyé : mardi\nÀ : moi\nObjet : x\n",
    "Am 03.11.2026 um 10:02 schrieb Neo <q@neo.example>:",
    "---------- Forwarded message ---------\nDe : Neo\nDate: mar.\nSubject: x\nTo: moi",
]


@pytest.mark.parametrize("introduction", INTRODUCTIONS)
@pytest.mark.parametrize("mark", ["> ", ""])
def test_the_quoted_mail_is_cut(introduction: str, mark: str) -> None:
    text = f"Et pour un cadre ?\n\n{introduction}\n\n{mark}Un mois de préavis.\n{mark}Bien à vous"
    assert written_now(text) == "Et pour un cadre ?"


@pytest.mark.parametrize(
    "text",
    [
        "Bonjour,\nLe 3 novembre 2026, mon employeur m'a écrit :\nVous êtes licencié.\nQue faire ?",
        "De : nuit je travaille\nObjet : ma prime",
        "Le 3 mars mon chef a écrit : reste chez toi.\nEst-ce légal ?",
        "Mes questions :\n- la prime ?\n- le préavis ?\n\nMerci",
        "> seulement une citation",
        "Oui",
    ],
)
def test_what_a_person_wrote_is_not_cut(text: str) -> None:
    assert written_now(text) == text


def test_an_answer_below_the_quote_is_kept() -> None:
    text = "Le 03/11/2026 à 10:02, Neo a écrit :\n> Êtes-vous cadre ?\n\nNon, ouvrier.\n"
    assert written_now(text) == "Non, ouvrier."


def test_answers_between_quotes_keep_their_questions() -> None:
    text = "> Êtes-vous cadre ?\nNon.\n> Depuis quand ?\n2019."
    assert written_now(text) == text


def test_signatures_are_cut() -> None:
    assert written_now("Merci\n\n-- \nCamille\n06 00 00 00 00") == "Merci"
    assert written_now("Merci\n\nEnvoyé de mon iPhone") == "Merci"


def test_a_mail_sent_by_post_is_not_a_device() -> None:
    text = "Ma lettre est partie.\nEnvoyé par recommandé le 3 mars"
    assert written_now(text) == text


PASTED = [
    "Voici :\n\nDe : RH\nDate : 3 mars 2026\nObjet : Avertissement\n\nEn retard.\n\nQue faire ?",
    "Embauchée en 2019.\n\nLe 3 mars 2026 à 10h30, ma responsable a écrit :\nDeux mois.\n\nExact ?",
    "From: HR\nSent: Monday\nTo: me\nSubject: Warning\n\nYou were late.\n\nCan they?",
    "-----Message d'origine-----\nDe : RH\n\nVous êtes mutée.\n\nEst-ce permis ?",
]


@pytest.mark.parametrize("text", PASTED)
def test_a_first_mail_is_about_what_it_pastes(text: str) -> None:
    assert written_now(text, "marked") == text
    assert written_now(text, "none") == text


def test_a_first_mail_loses_only_what_is_marked() -> None:
    text = "Et pour un cadre ?\n\nLe 03/11/2026 à 10:02, Neo a écrit :\n> Un mois."
    assert written_now(text, "marked") == "Et pour un cadre ?"
    assert written_now(text, "none") == text


@pytest.mark.parametrize(
    "text",
    [
        "Ma situation :\n--\nCadre, CDI.\n--\nQuel est mon préavis ?",
        "Mes horaires :\n2026-03-02 08:30 arrivée\n2026-03-02 19:30 départ\nDes heures sup ?",
        "Premier point.\n____\nDeuxième point : la prime a été retirée sans un mot et sans qu'on"
        " m'explique pourquoi depuis maintenant plus de six mois, malgré mes demandes.",
    ],
)
def test_a_rule_or_a_date_ends_no_letter(text: str) -> None:
    assert written_now(text) == text


@pytest.mark.parametrize("subject", ["TR: Avenant", "Fwd: Avenant", "WG: Avenant", "ส่งต่อ: Avenant"])
def test_a_forwarded_mail_is_what_the_question_is_about(subject: str) -> None:
    body = (
        "Est-ce légal ?\n\nDe : RH <rh@x.example>\nEnvoyé : lundi\nÀ : moi\nObjet : Avenant\n\n"
        "Votre salaire baisse."
    )
    mail = read_mail(raw_mail(body, subject=subject))
    assert mail.text.startswith("Est-ce légal ?")
    assert mail.text.endswith("Votre salaire baisse.")
