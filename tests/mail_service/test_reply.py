"""What our letters look like, and what can never be in them."""

from datetime import UTC, datetime

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from deploy.demos.smtp_relay import Received
from mail_service.errors import NotWritable
from mail_service.reading.message import read_mail
from mail_service.reply.confidence_check import doubt
from mail_service.reply.letters import Composer, Letterhead, Signer, clean_subject, plain_name
from mail_service.reply.prose import blocks, is_official, without_addresses
from shared.ai.contract import Abstention, ChatReply, Contact
from shared.ai.scripted import SOURCE
from shared.privacy.encryption import Encryption
from tests.mail_service.letters import US, raw_letter

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def answer(text: str, **changes: object) -> ChatReply:
    return ChatReply(
        response=text,
        model="extractive",
        tokens_used=1,
        processing_time=0.1,
        timestamp=NOW,
        citations=[SOURCE],
        corpus_date=NOW.date(),
        notice="",
        conversation_id="conversation",
    ).model_copy(update=changes)


@pytest.fixture
def composer(vault: Encryption) -> Composer:
    return Composer(Letterhead("Code du Travail Neo", US), vault)


def written(composer: Composer, raw: bytes, reply: ChatReply, language: str = "fr") -> Received:
    mail = read_mail(raw)
    said = composer.answer(mail, reply, language)  # type: ignore[arg-type]
    letter = composer.write(mail, 1, "reply", said, language, NOW)  # type: ignore[arg-type]
    return Received("", (letter.recipient,), letter.content)


def test_the_html_is_accessible_and_fetches_nothing(composer: Composer) -> None:
    html = written(composer, raw_letter(), answer("Oui.")).text("html")
    assert '<html lang="fr">' in html
    assert "<title>Re: Préavis de démission</title>" in html
    for fetched in ("<img", "url(", "@import", "<script", "<link", "src="):
        assert fetched not in html


def test_styles_are_inlined(composer: Composer) -> None:
    assert '<p style="' in written(composer, raw_letter(), answer("Oui.")).text("html")


def test_markup_in_an_answer_or_a_question_is_shown_and_not_obeyed(composer: Composer) -> None:
    raw = raw_letter("<script>alert(1)</script> quel préavis ?")
    html = written(composer, raw, answer("<b onclick=x>Oui</b>")).text("html")
    assert "<script" not in html
    assert "<b onclick" not in html


def test_what_the_letter_says_anyway_is_not_said_twice(composer: Composer) -> None:
    reply = answer(
        "> Un préavis est dû.\n> […]\n\nVoilà.\n\nPour préciser : Quelle convention ?\n\n"
        "Version du 1er. Ceci vient d'une IA.",
        notice="Ceci vient d'une IA.",
        clarification="Quelle convention ?",
    )
    text = written(composer, raw_letter(), reply).text()
    assert text.count("Quelle convention") == 1
    assert "Ceci vient d'une IA." not in text
    assert "«\xa0Un préavis est dû.\r\n  […]\xa0»" in text


def test_an_address_that_is_among_the_sources_is_not_repeated_in_the_text(
    composer: Composer,
) -> None:
    said = written(composer, raw_letter(), answer(f"Oui [1].\n\n{SOURCE.url}", citations=[SOURCE]))
    assert said.text().count(SOURCE.url) == 1
    assert said.text("html").count(SOURCE.url) == 2


def test_the_lines_of_a_source_stand_under_each_other_and_a_number_is_not_broken(
    composer: Composer,
) -> None:
    title = "Obligations de discrétion, de secret et de confidentialité des agents publics"
    source = SOURCE.model_copy(update={"title": title})
    words = "un deux trois quatre cinq six sept huit neuf dix onze douze treize,"
    said = written(composer, raw_letter(), answer(f"{words} R. 1221-34.", citations=[source]))
    assert "\n    confidentialité des agents publics" in said.text().replace("\r", "")
    assert "R.\xa01221-34." in said.text()


def test_an_article_is_listed_with_its_number(composer: Composer) -> None:
    source = SOURCE.model_copy(update={"title": "Démission", "number": "L1237-1"})
    text = written(composer, raw_letter(), answer("Oui.", citations=[source])).text()
    assert "[1] Article L1237-1 – Démission" in text


def test_an_english_letter_gets_an_english_reply(composer: Composer) -> None:
    text = written(composer, raw_letter("How long is my notice?"), answer("A month."), "en").text()
    assert "This automatic reply was prepared" in text
    assert "On 20 November 2026, you wrote:" in text


def test_an_abstention_names_somebody_who_can_help(composer: Composer) -> None:
    contact = Contact(name="l'inspection du travail", url="https://travail-emploi.gouv.fr/dreets")
    words = f"Je ne sais pas.\n\nQui peut aider : {contact.name} — {contact.url}"
    reply = answer(words, abstained=Abstention(reason="no_source", contact=contact))
    text = written(composer, raw_letter(), reply).text()
    assert "Pour parler à quelqu'un\xa0: l'inspection du travail" in text
    assert text.count(contact.url) == 1


def test_our_letters_are_signed_when_there_is_a_key(vault: Encryption) -> None:
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
    composer = Composer(Letterhead("Neo", US, signer=Signer("s", "neo.example", pem)), vault)
    content = written(composer, raw_letter(), answer("Oui.")).content
    assert dkim.verify(content, dnsfunc=lambda _name, timeout=5: record)
    assert not dkim.verify(
        content.replace(b"To: Camille", b"To: Camelle").replace(b"Re:", b"Ra:"),
        dnsfunc=lambda _name, timeout=5: record,
    )


def test_a_letter_is_the_same_each_time_it_is_written(composer: Composer) -> None:
    mail = read_mail(raw_letter())
    said = composer.answer(mail, answer("Oui."), "fr")
    ids = {composer.write(mail, 7, "reply", said, "fr", NOW).message_id for _ in range(2)}
    assert len(ids) == 1
    assert composer.is_ours(ids.pop())
    assert not composer.is_ours("<r-0000000000000000.7.reply@neo.example>")


def test_who_gave_no_address_cannot_be_written_to(composer: Composer) -> None:
    with pytest.raises(NotWritable):
        written(composer, raw_letter(sender="quelqu'un"), answer("Oui."))


def test_long_threads_keep_their_first_and_last_ids(composer: Composer) -> None:
    ids = " ".join(f"<{number}@x.example>" for number in range(60))
    mail = written(composer, raw_letter(References=ids), answer("Oui.")).mail
    kept = str(mail["References"]).split()
    assert len(kept) == 20
    assert (kept[0], kept[-1]) == ("<0@x.example>", "<a1@personne.example>")


@pytest.mark.parametrize(
    ("subject", "cleaned"),
    [
        ("Re: RE : TR: Préavis", "Préavis"),
        ("Réponse de mon patron", "Réponse de mon patron"),
        ("Fwd: AW: x", "x"),
        ("Re[2]: x", "x"),
        ("Retard", "Retard"),
    ],
)
def test_a_subject_loses_its_prefixes(subject: str, cleaned: str) -> None:
    assert clean_subject(subject) == cleaned


@pytest.mark.parametrize(
    ("name", "greeted"),
    [
        ("Camille Durand", "Camille Durand"),
        ("Jean-Noël d'Arc", "Jean-Noël d'Arc"),
        ("https://evil.example", ""),
        ("x@y.example", ""),
        ("GAGNEZ 1000 €", ""),
        ("a" * 100, ""),
    ],
)
def test_only_what_looks_like_a_name_is_greeted(name: str, greeted: str) -> None:
    assert plain_name(name) == greeted


@pytest.mark.parametrize(
    ("url", "official"),
    [
        ("https://www.legifrance.gouv.fr/codes/x", True),
        ("https://code.travail.gouv.fr/fiche", True),
        ("http://www.legifrance.gouv.fr/x", False),
        ("https://legifrance.gouv.fr.evil.example/", False),
        ("https://evillegifrance.gouv.fr/", False),
        ("https://x@www.legifrance.gouv.fr/", False),
        ("https://www.legifrance.gouv.fr:8443/", False),
        ("https://[", False),
    ],
)
def test_only_official_sites_are_linked(url: str, official: bool) -> None:
    assert is_official(url) is official


def test_references_to_articles_are_not_taken_for_addresses() -> None:
    text = "Voir l'article L. 1234-1, R.1234-2, l'art. 3 et 1.500,00 €. Fin.Le reste : suit."
    assert without_addresses(text, "X") == text


@given(st.text())
def test_any_answer_becomes_blocks(text: str) -> None:
    assert all(block.lines for block in blocks(text, "X"))


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (answer("D'après l'article L9999-1, un mois."), None),
        (answer("D'après l'article L. 9999-1, un mois."), None),
        (answer("> l'article L1234-1 est cité par la source\n\nVoilà."), None),
        (answer("D'après l'article L1234-1, un mois."), "unverified-article"),
        (answer("Un mois.", citations=[]), "no-source"),
        (answer("Quelle convention ?", citations=[], clarification="Laquelle ?"), None),
        (answer(" "), "empty"),
        (
            answer("x", citations=[SOURCE.model_copy(update={"url": "https://evil.example"})]),
            "foreign-source",
        ),
    ],
)
def test_an_answer_leaves_alone_only_if_its_sources_bear_it(
    reply: ChatReply, why: str | None
) -> None:
    assert doubt(reply) == why
