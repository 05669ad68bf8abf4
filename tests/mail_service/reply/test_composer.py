"""What our letters look like, and what can never be in them."""

import re
from datetime import date

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from deploy.demos.smtp_relay import Received
from mail_service.errors import NotWritable
from mail_service.ledger.records import OutgoingKind
from mail_service.reading.message import read_mail
from mail_service.reply.composer import ReplyComposer
from mail_service.reply.identity import DkimSigner, SenderIdentity
from shared.ai.contract import Abstention, AnswerSection, ChatReply, Clarification, Contact
from shared.ai.scripted import SOURCE
from shared.clock import StoppedClock
from shared.distress import help_lines
from shared.languages import Language
from shared.privacy.encryption import Encryption
from tests.mail_service.chat_replies import NOW, chat_reply
from tests.mail_service.mails import US, raw_mail


@pytest.fixture
def composer(encryption: Encryption) -> ReplyComposer:
    return ReplyComposer(SenderIdentity("Code du Travail Neo", US), encryption, StoppedClock(NOW))


def composed(
    composer: ReplyComposer, raw: bytes, reply: ChatReply, language: Language = "fr"
) -> Received:
    mail = read_mail(raw)
    content = composer.content(mail, reply, language)
    outgoing = composer.compose(mail, 1, OutgoingKind.REPLY, content, language)
    return Received("", (outgoing.recipient,), outgoing.content)


def test_the_html_is_accessible_and_fetches_nothing(composer: ReplyComposer) -> None:
    html = composed(composer, raw_mail(), chat_reply("Oui.")).text("html")
    assert '<html lang="fr">' in html
    assert "<title>Re: Préavis de démission</title>" in html
    for fetched in ("<img", "url(", "@import", "<script", "<link", "src="):
        assert fetched not in html


def test_styles_are_inlined(composer: ReplyComposer) -> None:
    assert '<p style="' in composed(composer, raw_mail(), chat_reply("Oui.")).text("html")


def test_markup_in_an_answer_or_a_question_is_shown_and_not_obeyed(composer: ReplyComposer) -> None:
    raw = raw_mail("<script>alert(1)</script> quel préavis ?")
    html = composed(composer, raw, chat_reply("<b onclick=x>Oui</b>")).text("html")
    assert "<script" not in html
    assert "<b onclick" not in html


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("fr", "artificielle : 2 × nom de personne, 1 × compte bancaire."),
        ("en", "read it: 2 × person's name, 1 × bank account."),
        ("th", "อ่าน: ชื่อบุคคล × 2, บัญชีธนาคาร × 1"),
        ("zh", "已隐去：人名 × 2, 银行账户 × 1。"),
    ],
)
def test_the_letter_tells_what_was_masked(
    composer: ReplyComposer, language: Language, told: str
) -> None:
    reply = chat_reply("Oui.", masked={"name": 2, "iban": 1})
    mail = composed(composer, raw_mail(), reply, language)
    assert told in " ".join(mail.text().split())
    assert told.split(",")[0].split("'")[0] in mail.text("html").replace("&nbsp;", " ")
    assert "Masqué" not in composed(composer, raw_mail(), chat_reply("Oui.")).text()


@pytest.mark.parametrize(
    ("language", "hello", "legal", "day"),
    [
        ("th", "เรียน คุณCamille", "เป็นข้อมูล ไม่ใช่คำปรึกษาทางกฎหมาย", "1 พฤศจิกายน ค.ศ. 2026"),
        ("zh", "Camille Durand，您好：", "仅供参考，不构成法律意见", "2026年11月1日"),
    ],
)
def test_a_letter_is_in_one_language_from_the_greeting_to_the_footer(
    composer: ReplyComposer, language: Language, hello: str, legal: str, day: str
) -> None:
    reply = chat_reply("ตอบ [1].", citations=[SOURCE], corpus_date=date(2026, 11, 1))
    mail = composed(composer, raw_mail("SMIC 2026 ?", subject="SMIC 2026"), reply, language)
    for told in (" ".join(mail.text().split()), mail.text("html")):
        for words in (hello, legal, day):
            assert words in told
        for foreign in ("Bonjour", "Hello", "Vérifiez les délais", "Check time limits", "Sources"):
            assert foreign not in told
    assert f'<html lang="{language}">' in mail.text("html")


def test_no_line_begins_with_french_punctuation_or_a_unit(composer: ReplyComposer) -> None:
    reply = chat_reply(
        "Quel délai ? Voici : « dix jours » ; vite !\n\n"
        "- Article L. 1234-5 : 10 % de 300 €, n° 4\n\n"
        "> Un préavis est dû : oui."
    )
    raw = raw_mail("Combien ? Voici : rien.", subject="Salaire : impayé")
    mail = composed(composer, raw, reply)
    html = mail.text("html").replace("&nbsp;", "\xa0")
    for shown in (mail.text(), html):
        for kept in (
            "délai\xa0?",
            "Voici\xa0: «\xa0dix jours\xa0»\xa0; vite\xa0!",
            "L.\xa01234-5\xa0: 10\xa0% de 300\xa0€, n°\xa04",
            "dû\xa0: oui.",
            "préparée par une intelligence artificielle\xa0: une information",
            "Combien\xa0? Voici\xa0: rien.",
        ):
            assert kept in re.sub(r"[ \r\n]+", " ", shown), kept
    styled = re.sub(r"<style>.*?</style>|<[^>]*>", "", html, flags=re.DOTALL)
    assert not re.search(r" [?!:;»%€]", styled)
    assert "<blockquote" in mail.text("html")


def test_boilerplate_of_the_mail_is_not_repeated(composer: ReplyComposer) -> None:
    reply = chat_reply(
        "> Un préavis est dû.\n> […]\n\nVoilà.\n\nPour préciser : Quelle convention ?\n\n"
        "Version du 1er. Ceci vient d'une IA.",
        notice="Ceci vient d'une IA.",
        clarification=Clarification(question="Quelle convention ?"),
    )
    text = composed(composer, raw_mail(), reply).text()
    assert text.count("Quelle convention") == 1
    assert "Ceci vient d'une IA." not in text
    assert "«\xa0Un préavis est dû.\r\n  […]\xa0»" in text


def test_an_address_that_is_among_the_sources_is_not_repeated_in_the_text(
    composer: ReplyComposer,
) -> None:
    mail = composed(
        composer, raw_mail(), chat_reply(f"Oui [1].\n\n{SOURCE.url}", citations=[SOURCE])
    )
    assert mail.text().count(SOURCE.url) == 1
    assert mail.text("html").count(SOURCE.url) == 1


def test_the_lines_of_a_source_stand_under_each_other_and_a_number_is_not_broken(
    composer: ReplyComposer,
) -> None:
    title = "Obligations de discrétion, de secret et de confidentialité des agents publics"
    source = SOURCE.model_copy(update={"title": title, "kind": "fiche"})
    words = "un deux trois quatre cinq six sept huit neuf dix onze douze treize,"
    mail = composed(composer, raw_mail(), chat_reply(f"{words} R. 1221-34.", citations=[source]))
    assert "\n    publics" in mail.text().replace("\r", "")
    assert "R.\xa01221-34." in mail.text()


def test_an_article_is_listed_with_its_number(composer: ReplyComposer) -> None:
    source = SOURCE.model_copy(update={"title": "Démission", "number": "L1237-1"})
    text = composed(composer, raw_mail(), chat_reply("Oui.", citations=[source])).text()
    assert "[1] Article L1237-1\r\n" in text


def test_an_address_under_two_numbers_is_listed_once(composer: ReplyComposer) -> None:
    other = SOURCE.model_copy(update={"number": "L1237-1", "url": f"{SOURCE.url}2"})
    reply = chat_reply(
        "Un mois [1] [3].\n\nDeux mois [2].\n\nTrois [3].", citations=[SOURCE, other, SOURCE]
    )
    mail = composed(composer, raw_mail(), reply)
    assert "Un mois [1].\r\n" in mail.text()
    assert "Trois [1].\r\n" in mail.text()
    assert "[3]" not in mail.text()
    for told in (mail.text(), mail.text("html")):
        assert told.count(f"{SOURCE.url}2") == 1
        assert told.count(SOURCE.url) == 2


def test_a_clause_is_listed_with_its_agreement(composer: ReplyComposer) -> None:
    clause = {"kind": "agreement", "title": "Métallurgie – Titre V", "number": "Article 77.2"}
    source = SOURCE.model_copy(update=clause)
    text = composed(composer, raw_mail(), chat_reply("Oui.", citations=[source])).text()
    assert "[1] Métallurgie, Article 77.2" in text


@pytest.mark.parametrize("language", ["fr", "en", "th", "zh"])
def test_every_answer_names_somebody_to_call_once(
    composer: ReplyComposer, language: Language
) -> None:
    contact = Contact(name="point-justice, 3039", url="https://www.justice.fr/themes/x")
    abstained = chat_reply(
        "Je ne sais pas.", abstained=Abstention(reason="no_source", contact=contact)
    )
    for reply, number in ((chat_reply("Oui."), "0 806 000 126"), (abstained, "3039")):
        mail = composed(composer, raw_mail(), reply, language)
        for told in (mail.text(), mail.text("html")):
            plain = told.replace("\xa0", " ").replace("&nbsp;", " ")
            assert [one for one in ("0 806 000 126", "3039") if one in plain] == [number]


def test_a_letter_adds_few_words_to_its_answer(composer: ReplyComposer) -> None:
    reply = chat_reply("Oui [1].", citations=[SOURCE, SOURCE])
    text = composed(composer, raw_mail(), reply).text()
    own = re.sub(r"https?://\S+", "", text.partition("vous avez écrit")[0])
    assert len(re.findall(r"\w+", own)) <= 90


def test_an_english_mail_gets_an_english_reply(composer: ReplyComposer) -> None:
    text = composed(
        composer, raw_mail("How long is my notice?"), chat_reply("A month."), "en"
    ).text()
    assert "Prepared by an artificial intelligence" in text
    assert "On 20 November 2026, you wrote:" in text


def test_an_abstention_names_a_public_service(composer: ReplyComposer) -> None:
    contact = Contact(name="l'inspection du travail", url="https://travail-emploi.gouv.fr/dreets")
    words = f"Je ne sais pas.\n\nQui peut aider : {contact.name} — {contact.url}"
    reply = chat_reply(words, abstained=Abstention(reason="no_source", contact=contact))
    text = composed(composer, raw_mail(), reply).text()
    assert "Pour parler à quelqu'un\xa0: l'inspection du travail" in text
    assert text.count(contact.url) == 1


def test_our_mails_are_signed_when_there_is_a_key(encryption: Encryption) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - a test
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    record = b"v=DKIM1; k=rsa; p=" + b"".join(public.splitlines()[1:-1])
    composer = ReplyComposer(
        SenderIdentity("Neo", US, signer=DkimSigner("s", "neo.example", pem)),
        encryption,
        StoppedClock(NOW),
    )
    content = composed(composer, raw_mail(), chat_reply("Oui.")).content
    assert dkim.verify(content, dnsfunc=lambda _name, timeout=5: record)
    assert not dkim.verify(
        content.replace(b"To: Camille", b"To: Camelle").replace(b"Re:", b"Ra:"),
        dnsfunc=lambda _name, timeout=5: record,
    )


def test_a_mail_is_the_same_each_time_it_is_written(composer: ReplyComposer) -> None:
    mail = read_mail(raw_mail())
    content = composer.content(mail, chat_reply("Oui."), "fr")
    ids = {
        composer.compose(mail, 7, OutgoingKind.REPLY, content, "fr").message_id for _ in range(2)
    }
    assert len(ids) == 1
    assert composer.message_ids.is_ours(ids.pop())
    assert not composer.message_ids.is_ours("<r-0000000000000000.7.reply@neo.example>")


def test_who_gave_no_address_cannot_be_written_to(composer: ReplyComposer) -> None:
    with pytest.raises(NotWritable):
        composed(composer, raw_mail(sender="quelqu'un"), chat_reply("Oui."))


def test_long_threads_keep_their_first_and_last_ids(composer: ReplyComposer) -> None:
    ids = " ".join(f"<{number}@x.example>" for number in range(60))
    mail = composed(composer, raw_mail(References=ids), chat_reply("Oui.")).mail
    kept = str(mail["References"]).split()
    assert len(kept) == 20
    assert (kept[0], kept[-1]) == ("<0@x.example>", "<a1@personne.example>")


def shaped_reply(**changes: object) -> ChatReply:
    sections = [
        AnswerSection(kind=kind, title=title, text=text, citations=[1])
        for kind, title, text in (
            ("conditions", "Conditions", "- Sauf pour les cadres. [1]"),
            ("model", "Ajouté par un modèle", "En bref : un mois."),
            ("sources", "Les textes", "Article L9999-1 [1]\n\n> Le préavis dure un mois."),
            ("help", "Qui peut vous aider", "Un conseil — https://www.justice.fr/themes/x"),
        )
    ]
    told = "".join(f"\n\n**{each.title}**\n\n{each.text}" for each in sections)
    text = f"Oui, un mois. [1]{told}\n\nConvention retenue : 1486.\n\nCeci vient d'une IA."
    reply = chat_reply(text, sections=sections, notice="Ceci vient d'une IA.")
    return reply.model_copy(update=changes)


def test_the_short_answer_comes_first_and_the_texts_last(composer: ReplyComposer) -> None:
    mail = composed(composer, raw_mail(), shaped_reply())
    order = (
        "Oui, un mois. [1]", "Convention retenue", "Conditions", "Sauf pour les cadres",
        "Ajouté par un modèle", "En bref", "Qui peut vous aider", "www.justice.fr", "Sources",
        "Article L9999-1", "Les textes", "Le préavis dure un mois.",
    )  # fmt: skip
    for text in (mail.text(), mail.text("html")):
        last = -1
        for words in order:
            assert text.count(words) == (2 if words == "Article L9999-1" else 1), words
            last, before = text.index(words), last
            assert last > before, words
    assert "Ceci vient d'une IA." not in mail.text()
    assert re.search(r"^_{40}\s+Les textes$", mail.text().replace("\r", ""), re.MULTILINE)


def test_a_sum_comes_first_then_its_steps_and_the_texts_last(composer: ReplyComposer) -> None:
    steps = (
        "**Selon le Code du travail : 4 025 €**\n\n- 1/4 × 2 300 € × 7 ans = 4 025 € [1]\n\n"
        "Hypothèses :\n\n- Aucune absence ne réduit l'ancienneté."
    )
    quoted = "Article L9999-1 [1]\n\n> Un quart de mois de salaire par année"
    sections = [
        AnswerSection(kind="calculation", title="Le calcul", text=steps, citations=[1]),
        AnswerSection(kind="sources", title="Les textes", text=quoted, citations=[1]),
    ]
    told = "".join(f"\n\n**{each.title}**\n\n{each.text}" for each in sections)
    reply = chat_reply(f"Indemnité de licenciement : 4 025 € au moins.{told}", sections=sections)
    mail = composed(composer, raw_mail(), reply)
    order = (
        *("4 025 € au moins", "Le calcul", "Selon le Code du travail", "1/4 × 2 300 € × 7 ans"),
        *("Aucune absence", "Les textes", "Un quart de mois"),
    )
    for text in (mail.text(), mail.text("html").replace("&nbsp;", " ")):
        words = " ".join(text.replace("\xa0", " ").split())
        places = [words.index(one) for one in order]
        assert places == sorted(places)


def test_who_writes_of_danger_reads_who_to_call_before_anything_else(
    composer: ReplyComposer,
) -> None:
    lines = help_lines("J'ai envie de mourir", "fr")
    assert lines
    mail = composed(composer, raw_mail(), chat_reply(f"{lines.sentence}\n\nUn mois."))
    words = " ".join(mail.text().replace("\xa0", " ").split())
    assert words.index("appelez tout de suite le 3114") < words.index("Réponse préparée par")
    assert words.count("3114") == 1
    assert mail.text("html").index("3114") < mail.text("html").index("Réponse préparée par")


def test_a_question_back_lists_what_to_choose_from(composer: ReplyComposer) -> None:
    asked = Clarification(question="Quelle convention ?", choices=["IDCC 1505", "IDCC 2216"])
    text = composed(composer, raw_mail(), chat_reply("Oui.", clarification=asked)).text()
    assert "par l'une de ces\r\nlignes" in text or "l'une de ces lignes" in text
    assert "\n- IDCC 1505\r\n- IDCC 2216\r\n" in text


def test_what_a_person_wrote_instead_of_an_answer_is_all_that_is_sent(
    composer: ReplyComposer,
) -> None:
    edited = shaped_reply(response="Deux mois, dit une juriste.")
    text = composed(composer, raw_mail(), edited).text()
    assert "Deux mois, dit une juriste." in text
    assert "Sauf pour les cadres" not in text
