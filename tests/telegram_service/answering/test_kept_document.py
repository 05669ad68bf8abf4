"""A document that was sent is used by the questions about it, for a while."""

import pytest

from telegram_service.answering.kept_document import speaks_of_document
from tests.telegram_service.running_app import RunningApp

ALICE = 11
LETTER = b"Madame, nous vous notifions la rupture. Votre preavis est d'un mois."
ABOUT = "Document joint, cité tel quel"


def labels(app: RunningApp) -> list[str]:
    rows = app.account.written(ALICE)[-1]["reply_markup"]["inline_keyboard"]
    return [button["text"] for row in rows for button in row]


def last_question(app: RunningApp) -> str:
    content = app.ai.asked[-1].messages[-1].content
    assert isinstance(content, str)
    return content


@pytest.mark.parametrize(
    ("question", "about"),
    [
        ("Ce contrat est-il valable ?", True),
        ("Que dit la lettre sur le préavis ?", True),
        ("Dois-je le signer ?", True),
        ("Est-ce légal ?", True),
        ("Is this letter valid?", True),
        ("สัญญานี้ถูกต้องไหม", True),
        ("这份合同合法吗？", True),
        ("Quel est le SMIC ?", False),
        ("Que se passe-t-il à la rupture du contrat de travail ?", False),
        ("How many days of paid leave?", False),
        ("辞职要提前多久通知？", False),
    ],
)
def test_words_tell_whether_a_question_is_about_a_document(question: str, about: bool) -> None:
    assert speaks_of_document(question) is about


@pytest.mark.slow
async def test_a_question_after_a_document_is_asked_with_it_and_it_is_said(app: RunningApp) -> None:
    app.account.attach(ALICE, "lettre.txt", LETTER)
    await app.settled()
    assert "Je garde « lettre.txt » une heure" in app.account.texts(ALICE)[-1]
    await app.ask(ALICE, "Mon preavis suffit-il ?")  # the first one, on a word of the document
    assert ABOUT in last_question(app)
    assert "Question lue avec votre document « lettre.txt »" in app.account.texts(ALICE)[-1]
    await app.tap(ALICE, "Sans le document")
    assert last_question(app) == "Mon preavis suffit-il ?"
    await app.ask(ALICE, "Quel est le montant du SMIC ?")
    assert ABOUT not in last_question(app)
    await app.tap(ALICE, "Avec mon document")
    assert last_question(app).startswith("Quel est le montant du SMIC ?")
    assert ABOUT in last_question(app)
    await app.ask(ALICE, "Dois-je signer cette lettre ?")
    assert ABOUT in last_question(app)


@pytest.mark.slow
async def test_a_kept_document_is_exported_sealed_and_gone_after_reset_and_erasure(
    app: RunningApp,
) -> None:
    await app.services.store.migrate()
    app.account.attach(ALICE, "lettre.txt", LETTER)
    await app.settled()
    kept = await app.services.redis.call("KEYS", "*:document")
    assert len(kept) == 1
    assert b"notifions" not in await app.services.redis.call("GET", kept[0])
    await app.ask(ALICE, "/mesdonnees")
    assert b"notifions" in app.account.files["mes-donnees.md"]
    await app.ask(ALICE, "/reset")
    await app.ask(ALICE, "Que dit cette lettre ?")
    assert ABOUT not in last_question(app)
    app.account.attach(ALICE, "lettre.txt", LETTER)
    await app.settled()
    await app.ask(ALICE, "/supprimer")
    await app.tap(ALICE, "Effacer mes données")
    await app.tap(ALICE, "Oui, tout effacer")
    assert await app.services.redis.call("KEYS", "*:document") == []
    assert await app.services.redis.call("KEYS", "*:question") == []
