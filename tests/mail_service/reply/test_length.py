"""How long a letter is."""

import re
from datetime import UTC, datetime

import pytest

from deploy.demos.smtp_relay import Received
from mail_service.ledger.records import OutgoingKind
from mail_service.reading.message import read_mail
from mail_service.reply.blocks import Block
from mail_service.reply.composer import ReplyComposer
from mail_service.reply.identity import SenderIdentity
from mail_service.reply.length import fitting, word_count
from shared.ai.contract import AnswerSection
from shared.ai.scripted import SOURCE
from shared.clock import StoppedClock
from shared.privacy.encryption import Encryption
from tests.mail_service.chat_replies import chat_reply
from tests.mail_service.mails import US, raw_mail

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def composer(encryption: Encryption) -> ReplyComposer:
    return ReplyComposer(SenderIdentity("Code du Travail Neo", US), encryption, StoppedClock(NOW))


def paragraph(text: str) -> Block:
    return Block("paragraph", tuple(text.splitlines()))


def quotation(text: str) -> Block:
    return Block("quote", tuple(text.splitlines()))


def test_words_are_counted_in_every_script() -> None:
    assert word_count([paragraph("Deux mois, au plus.")]) == 4
    assert word_count([Block("link", ("https://www.legifrance.gouv.fr/x",))]) == 0
    assert 3 <= word_count([paragraph("试用期最长为四个月不可续签")]) <= 8
    assert 3 <= word_count([paragraph("ทดลองงานได้ไม่เกินสี่เดือน")]) <= 14


def test_quotations_stay_whole_with_their_title() -> None:
    first, second = quotation("mot " * 10), quotation("mot " * 30)
    blocks = [paragraph("Article L1"), first, paragraph("Article L2"), second]
    assert fitting(blocks, 20) == tuple(blocks[:2])
    assert fitting(blocks, 100) == tuple(blocks)
    assert fitting(blocks, 3) == ()


def test_a_long_answer_keeps_what_decides_and_says_that_there_is_more(
    composer: ReplyComposer,
) -> None:
    cases = "\n".join(f"- Cas numéro {number} : {'mot ' * 25}[2]." for number in range(9))
    texts = f"Article L2\n\n> {'loi ' * 200}"
    sections = [
        AnswerSection(kind="conditions", title="Conditions", text=cases, citations=[2]),
        AnswerSection(kind="steps", title="Que faire", text="- Écrivez-lui.", citations=[]),
        AnswerSection(kind="sources", title="Ce que disent les textes", text=texts, citations=[2]),
    ]
    parts = (f"**{one.title}**\n\n{one.text}" for one in sections)
    response = "\n\n".join(["Oui, un mois [1].", *parts])
    other = SOURCE.model_copy(update={"number": "L2", "url": f"{SOURCE.url}2"})
    reply = chat_reply(response, sections=sections, citations=[SOURCE, other, SOURCE])
    mail = read_mail(raw_mail())
    content = composer.content(mail, reply, "fr")
    outgoing = composer.compose(mail, 1, OutgoingKind.REPLY, content, "fr")
    letter = Received("", (outgoing.recipient,), outgoing.content)
    for told in (" ".join(letter.text().split()), letter.text("html")):
        for kept in (
            "Oui, un mois [1].",
            "Cas numéro 0",
            "Écrivez-lui.",
            "Votre cas est différent",
        ):
            assert kept in told
        for left_out in ("Cas numéro 8", "loi loi", "[3]"):
            assert left_out not in told
        assert "Sources, textes complets" in told
        assert "Cordialement," in told
    own = re.sub(r"https?://\S+|^>.*$", "", letter.text(), flags=re.MULTILINE)
    assert len(re.findall(r"\w+", own)) <= 320


def test_of_several_questions_the_first_step_of_each_is_told(composer: ReplyComposer) -> None:
    steps = (
        "Et mon préavis ?\n\n- Comptez.\n- Écrivez.\n\nEt mes congés ?\n\n- Demandez.\n- Gardez."
    )
    alone = "- Comptez.\n- Écrivez."
    for told, wanted in ((steps, ["Comptez.", "Demandez."]), (alone, ["Comptez.", "Écrivez."])):
        sections = [AnswerSection(kind="steps", title="Que faire", text=told, citations=[])]
        reply = chat_reply(f"Oui [1].\n\n**Que faire**\n\n{told}", sections=sections)
        content = composer.content(read_mail(raw_mail()), reply, "fr")
        items = [each.text for each in content.sections[0].blocks if each.kind == "item"]
        assert items == wanted


def test_the_question_above_conditions_that_do_not_fit_is_left_out_with_them(
    composer: ReplyComposer,
) -> None:
    cases = (
        f"Peut-on me licencier ?\n\n- Cas : {'mot ' * 80}[1].\n\nEt mes congés ?\n\n- Cas : x [1]."
    )
    sections = [AnswerSection(kind="conditions", title="Conditions", text=cases, citations=[1])]
    for lead, wanted in (("Oui [1].", ["Conditions"]), (f"Oui, {'mot ' * 120}[1].", [])):
        reply = chat_reply(f"{lead}\n\n**Conditions**\n\n{cases}", sections=sections)
        content = composer.content(read_mail(raw_mail()), reply, "fr")
        assert [section.title for section in content.sections] == wanted
        for section in content.sections:
            assert section.blocks[-1].kind == "item"
        assert content.more_cases == (
            "" if wanted else "Votre cas est différent ? Décrivez-le en réponse."
        )
