"""Pictures and scanned pages that come with a mail: what is asked, and what the sender is shown."""

import email
import email.policy
import re
from datetime import timedelta

import pytest

from mail_service.ledger.ledger import Ledger
from mail_service.reading import reader
from mail_service.reading.message import MIN_PHOTO_BYTES, read_mail
from shared.clock import StoppedClock
from shared.privacy.encryption import Encryption
from shared.reading import scans
from tests.mail_service.mail_app import TRUSTED, open_mail_app
from tests.mail_service.mails import delivered, mail_message
from tests.shared.reading.drawn_letters import drawn, faint, grainy, photo, scanned_pdf

pytestmark = pytest.mark.slow
PASS = f"{TRUSTED}; dmarc=pass header.from=personne.example"
QUESTION = "Bonjour, mon employeur peut-il m'imposer ce préavis ?"


def with_files(*files: tuple[str, str, bytes], results: str = PASS) -> bytes:
    mail = mail_message(QUESTION)
    for name, kind, content in files:
        main, _, sub = kind.partition("/")
        mail.add_attachment(content, main, sub, filename=name)
    return delivered(mail.as_bytes(), results)


def letters_of(raw: bytes) -> list[str]:
    """The plain and the HTML text of a reply, their blanks made one."""
    letter = email.message_from_bytes(raw, policy=email.policy.default)
    return [
        " ".join(part.get_content().split())
        for form in ("plain", "html")
        if (part := letter.get_body((form,)))
    ]


def plain_spaces(letter: str) -> str:
    """Return a letter's text or HTML with every space that does not break as a plain one."""
    return re.sub("&nbsp;|[\u00a0\u202f]", " ", letter)


async def test_a_photo_and_a_scan_are_read_and_shown_before_the_answer(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    lying = photo(drawn("Contrat de Zélie Moreau", "Préavis : trois mois"), orientation=8)
    scan = scanned_pdf(drawn("Avenant du 4 juin 2026", "voir https://piege.example/a"))
    async with open_mail_app(ledger, encryption, clock) as app:
        file = await app.answer(
            with_files(
                ("contrat.jpg", "image/jpeg", lying), ("avenant.pdf", "application/pdf", scan)
            )
        )
        asked = app.ai.asked[-1].messages[-1].content
        replies = letters_of(app.relay.received[-1].content)

    assert file.entry.state == "answered"
    assert "> Préavis : trois mois" in asked
    assert "> Avenant du 4 juin 2026" in asked
    assert file.mail is not None
    assert [(each.state, each.recognised) for each in file.mail.attachments] == [("read", True)] * 2
    assert len(replies) == 2
    for reply in map(plain_spaces, replies):
        assert "Ce que j'ai lu dans vos images" in reply.replace("&#39;", "'")
        assert "« contrat.jpg » :" in reply
        assert "Préavis : trois mois" in reply
        assert "corrigez-la en répondant" in reply
        assert "piege.example" not in reply.partition("Vous avez écrit")[0]
        assert "pas pu lire" not in reply


async def test_a_sender_who_may_be_another_is_sent_none_of_what_was_read(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    content = photo(drawn("Offre : appelez le 08 99"))
    async with open_mail_app(ledger, encryption, clock) as app:
        await app.answer(with_files(("photo.jpg", "image/jpeg", content), results=""))
        assert "appelez le" in app.ai.asked[-1].messages[-1].content
        for received in app.relay.received:
            assert all("appelez" not in reply for reply in letters_of(received.content))


async def test_what_was_not_read_is_told_with_its_reason(
    ledger: Ledger,
    encryption: Encryption,
    clock: StoppedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = (
        ("photo.jpg", "image/jpeg", photo(drawn())),
        ("scan.pdf", "application/pdf", scanned_pdf(drawn())),
        ("son.ogg", "audio/ogg", b"OggS\0"),
    )
    monkeypatch.setattr(scans, "LIBRARIES", ("a_library_that_is_not_there",))
    async with open_mail_app(ledger, encryption, clock) as app:
        await app.answer(with_files(*files))
        plain, _ = letters_of(app.relay.received[-1].content)
    assert "« photo.jpg » : c'est une image ou un document numérisé" in plain
    assert "« scan.pdf » : c'est une image ou un document numérisé" in plain
    assert "« son.ogg » : je ne lis pas ce type de fichier." in plain


async def test_pictures_of_a_mail_that_is_tried_again_are_read_once(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    once = scans.ScanReader.read

    async def counted(self: scans.ScanReader, kind: str, content: bytes) -> object:
        read.append(kind)
        return await once(self, kind, content)  # type: ignore[arg-type]

    monkeypatch.setattr(scans.ScanReader, "read", counted)
    async with open_mail_app(ledger, encryption, clock) as app:
        app.ai.script.status = 503
        await app.receive(with_files(("photo.jpg", "image/jpeg", photo(drawn()))))
        await app.process_all()
        app.ai.script.status = 200
        clock.set(clock.now() + timedelta(seconds=60))
        await app.process_all()
        assert "Madame, votre contrat prend fin" in app.ai.asked[-1].messages[-1].content
    assert read == ["image"]


def test_a_photo_inside_the_text_is_a_file_and_a_logo_is_none() -> None:
    snapshot = photo(grainy(grainy(drawn()).resize((1_600, 800))))
    logo = photo(faint(drawn("Atelier Brun")).resize((120, 50)))
    assert len(snapshot) > MIN_PHOTO_BYTES > len(logo)
    mail = mail_message(QUESTION)
    mail.set_content("<p>Voici <img src='cid:a'></p><img src='cid:b'>", subtype="html")
    for name, content in (("a", snapshot), ("b", logo)):
        mail.add_related(content, "image", "jpeg", cid=f"<{name}>")
    [file] = read_mail(mail.as_bytes()).attachments
    assert (file.kind, file.state, file.size_bytes) == ("image", "picture", len(snapshot))
    assert b'"content"' not in reader.read(mail.as_bytes())  # nor is it stored
