"""Files of every kind beside a question: what is read reaches ai_core, what is not is told."""

import pytest

from mail_service.ledger.ledger import Ledger
from shared.clock import StoppedClock
from shared.privacy.encryption import Encryption
from tests.mail_service.mail_app import open_mail_app
from tests.mail_service.mails import mail_message, raw_mail
from tests.mail_service.reading.test_message import docx, odt

pytestmark = pytest.mark.slow

ENCLOSED = raw_mail("Le paiement du treizième mois est reporté.", subject="Prime", to="a@b.example")
READ = {
    "contrat.rtf": (rb"{\rtf1\ansicpg1252 Pr\'e9avis doubl\'e9.\par}", "Préavis doublé."),
    "lettre.odt": (odt("Mutation au premier mars."), "Mutation au premier mars."),
    "note.docx": (docx("Note de service."), "Note de service."),
    "page.html": (b"<html><body><p>Horaires de nuit.</p></body></html>", "Horaires de nuit."),
    "transfert.eml": (ENCLOSED, "Le paiement du treizième mois est reporté."),
}  # fmt: skip
UNREAD = {
    "tableau.xlsx": b"PK\x03\x04 no archive",
    "photo.docx": docx(""),
    "trop.rtf": b"{\\rtf1 " + b"mot " * 600_000 + b"}",
    "archive.zip": b"PK\x03\x04 no archive",
}


async def test_what_is_read_reaches_ai_core_and_what_is_not_is_told(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    mail = mail_message("Ces documents changent-ils mon préavis ?")
    for name, data in {**{name: data for name, (data, _) in READ.items()}, **UNREAD}.items():
        mail.add_attachment(data, "application", "octet-stream", filename=name)
    base64 = mail_message("Le vestiaire ferme à midi.", subject="Vestiaire").as_bytes()
    mail.add_attachment(base64, "application", "x-enclosed", filename="vestiaire")
    raw = mail.as_bytes().replace(b"application/x-enclosed", b"message/rfc822")
    async with open_mail_app(ledger, encryption, clock) as app:
        record = await app.answer(raw)
        assert record.entry.state == "answered"
        asked = app.ai.asked[-1].messages[-1].content
        reply = app.relay.received[-1].text()
    assert record.mail is not None
    for text in (*(text for _, text in READ.values()), "Le vestiaire ferme à midi."):
        assert text in asked
    told = [line for line in reply.splitlines() if line.startswith("- «")]
    assert len(told) == len(UNREAD)
