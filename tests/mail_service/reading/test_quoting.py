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
    # wrapped by the client, in the verb too
    "Le mar. 3 nov. 2026 à 10:02, Les questions du travail <\nquestions@neo.example> a\nécrit :",
    "Le mardi 3 novembre 2026 à 10:02:00 UTC+1, Neo\n<q@neo.example> a écrit :",
    "Le mar. 3 nov. 2026 à 10:02, Neo <q@neo.example>\n\na écrit :",
    "On Tue, Nov 3, 2026 at 10:02 AM Labour Law Questions\n<questions@neo.example>\nwrote:",
    "Il giorno mar 3 nov 2026 alle ore 10:02 Neo <q@neo.example> ha\nscritto:",
    "El mar, 3 nov 2026 a las 10:02, Neo (<q@neo.example>)\nescribió:",
    # French webmails
    '===============\n\nMessage du : 03/11/2026 10:02\nDe : "Neo" <q@neo.example>\nA : moi\n'
    "Copie à : \nSujet : Re: Préavis\n",
    "envoyé : 3 novembre 2026 à 10:02\nde : Neo <q@neo.example>\nà : moi\nobjet : Re: x",
    "----- Mail original -----\nDe: Neo\nÀ: moi\nEnvoyé: Mardi 3 Novembre 2026\nObjet: x",
    # Outlook on a telephone
    "Télécharger Outlook pour iOS<https://aka.example/o>\n______________\n"
    "De : Neo <q@neo.example>\nEnvoyé : mardi\nÀ : moi\nObjet : x",
    "获取 Outlook for iOS<https://aka.example/o>\n______________\n发件人: Neo <q@neo.example>\n"
    "发送时间: Tuesday\n收件人: c\n主题: Re",
    "รับ Outlook for iOS<https://aka.example/o>\n______________\nจาก: Neo <q@neo.example>\n"
    "ส่ง: Tuesday\nถึง: c\nเรื่อง: Re",
    # Chinese and Thai
    "Neo <q@neo.example> 于2026年11月3日周二 10:02写道：",
    "Neo <q@neo.example> 於\n2026年11月3日 週二 上午10:02寫道：",
    '在 2026-11-03 10:02:00，"Neo" <q@neo.example> 写道：',
    "---------- 原始邮件 ----------\n发件人: Neo;\n发送时间: 2026年11月3日\n收件人: moi;\n主题: x",
    "เมื่อ อ. 3 พ.ย. 2026 เวลา 10:02 Neo <q@neo.example> เขียนว่า:",
    "ในวันที่ อ. 3 พ.ย. 2026 เวลา 10:02 Neo <\nq@neo.example> เขียนว่า:",
    "จาก: Neo <q@neo.example>\nส่ง: 3 พฤศจิกายน 2569 10:02\nถึง: moi\nเรื่อง: Re: ลาออก",
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


@pytest.mark.parametrize("introduction", INTRODUCTIONS)
@pytest.mark.parametrize(
    "question",
    [
        "Le contrat prévoit un mois.\nLe 3 mars 2026 on m'a mutée\nLe puis-je refuser",
        "I was told to leave.\nAm I owed anything when the contract ends?\nRegards,\nCamille",
        "在餐馆工作两年了\n在合同到期时我能拿到补偿金吗",
        "เมื่อวานหัวหน้าบอกให้ย้าย\nเมื่อสัญญาสิ้นสุดจะได้เงินชดเชยหรือไม่",
    ],
)
def test_a_letter_right_above_the_quoted_mail_is_kept(introduction: str, question: str) -> None:
    """HTML has no empty line between them, and some lines begin as an introduction does."""
    text = f"{question}\n{introduction}\n\n> Un mois de préavis."
    assert written_now(text) == question


def test_the_quotes_of_orange_are_cut_with_their_marks() -> None:
    quoted = (
        '> Message du 03/11/26 10:02\n> De : "Neo"\n> A : moi\n> Copie à : \n> Objet : x\n>\n'
        "> Un mois."
    )
    assert written_now(f"Et pour un cadre ?\n\n{quoted}") == "Et pour un cadre ?"


@pytest.mark.parametrize(
    "text",
    [
        "Date : le 3 mars\nDe : mon chef\nIl m'a mise à pied. Que faire ?",
        "Envoyé : ma lettre, le 3 mars.\nReçu : rien.\nDois-je attendre ?",
        "วันที่: 3 มีนาคม\nเรื่อง: ลาออก\nต้องแจ้งล่วงหน้ากี่เดือน",
        "时间：3月3日\n主题：辞职\n需要提前多久通知？",
        "我的老板在3月3日写道：明天不用来了。\n这合法吗？",
    ],
)
def test_lines_like_headers_are_not_cut(text: str) -> None:
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
