"""Photos, pictures sent as files and scanned documents, from the chat to the answer."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from shared.reading import scans
from telegram_service.emulators.telegram.objects import BOT_NAME
from tests.shared.reading.drawn_letters import drawn, pdf_of, photo, saved, scanned_pdf
from tests.telegram_service.running_app import RunningApp, running

pytestmark = pytest.mark.slow
ALICE, GROUP = 11, -1001
CONTRACT = ("Contrat de Zélie Moreau", "Essai de neuf mois")


@pytest.fixture
async def app(redis_url: str, database_url: str, key_file: Path) -> AsyncIterator[RunningApp]:
    async with running(redis_url, database_url, key_file) as app:
        scanning = app.services.documents._scans._sandbox
        scanning._calls_per_process = 99  # loading the models takes a second each time
        yield app


def downloads(app: RunningApp) -> int:
    return sum(call.method == "getFile" for call in app.account.calls)


def asked(app: RunningApp) -> list[str]:
    return [request.messages[-1].content for request in app.ai.asked]


async def test_what_was_read_is_shown_before_the_answer(app: RunningApp) -> None:
    lying = photo(drawn(*CONTRACT).transpose(Image.Transpose.ROTATE_90))
    app.account.send_photo(ALICE, lying, "Est-ce permis ?")
    await app.settled()
    shown, answer = app.account.texts(ALICE)
    assert shown.startswith("📷 Voici ce que j'ai lu :")
    assert "« Contrat de Zélie Moreau\nEssai de neuf mois »" in shown
    assert "corrigez-la" in shown
    assert "L9999-1" in answer
    assert asked(app)[0].startswith("Est-ce permis ?")
    assert "Essai de neuf mois »" in asked(app)[0]

    app.account.send_photo(ALICE, photo(drawn(*CONTRACT)))
    await app.settled()
    assert asked(app)[1].startswith("Que dit le droit du travail de ce document ?")
    assert downloads(app) == 2


async def test_help_promises_what_can_be_read(app: RunningApp) -> None:
    [told] = await app.ask(ALICE, "/help")
    assert "Lire une photo ou une page numérisée" in told["text"]
    assert "message vocal" not in told["text"]


async def test_in_a_group_the_sign_of_life_becomes_what_was_read(app: RunningApp) -> None:
    app.account.send_photo(GROUP, photo(drawn(*CONTRACT)), f"@{BOT_NAME} permis ?", person=ALICE)
    await app.settled()
    shown, answer = app.account.texts(GROUP)
    assert shown.startswith("📷 Voici ce que j'ai lu :")
    assert "L9999-1" in answer


async def test_the_pictures_of_an_album_are_read_as_one_document(app: RunningApp) -> None:
    pages = [drawn("Page une", "Essai de neuf mois"), drawn("Page deux", "Préavis de six mois")]
    app.account.send_album(ALICE, [app.account.photo(photo(page)) for page in pages], "Permis ?")
    await app.settled()
    shown, _ = app.account.texts(ALICE)
    assert shown.index("Page une") < shown.index("Page deux")
    [question] = asked(app)
    assert question.index("Essai de neuf mois") < question.index("Préavis de six mois")


async def test_a_file_is_read_as_what_it_is_whatever_its_name_says(app: RunningApp) -> None:
    scan = scanned_pdf(drawn("Seconde page"))
    files = [
        ("scan.pdf", "", scan, "Seconde page"),
        ("", "image/png", saved(drawn(*CONTRACT), "PNG"), "Essai de neuf mois"),
        ("IMG_2041", "application/octet-stream", photo(drawn(*CONTRACT)), "Essai de neuf mois"),
        ("contrat.jpg", "image/jpeg", pdf_of(("Un PDF qui se dit une image",)), "se dit une image"),
        ("avenant", "", pdf_of(("Avenant sans extension",)), "Avenant sans extension"),
        ("note", "text/plain", b"Note de service", "Note de service"),
    ]
    for number, (name, mime_type, content, words) in enumerate(files):
        app.account.attach(ALICE, name, content, "Est-ce permis ?", mime_type=mime_type)
        await app.settled()
        assert len(asked(app)) == number + 1, name
        assert words in asked(app)[-1], name


async def test_what_cannot_be_read_gets_one_sentence(app: RunningApp) -> None:
    app.account.send_photo(ALICE, photo(Image.new("RGB", (400, 300), "#c8b9a0")))
    await app.settled()
    app.account.send_photo(ALICE, b"\xff\xd8\xff no picture")
    await app.settled()
    app.account.attach(ALICE, "fichier", b"\x7fELF nothing to read")
    await app.settled()
    illegible, damaged, unknown = app.account.texts(ALICE)
    assert "pas réussi à lire de texte" in illegible
    assert "abîmé" in damaged
    assert "PDF, DOCX et TXT" in unknown
    assert asked(app) == []


async def test_a_picture_over_the_quota_is_not_downloaded(
    redis_url: str, database_url: str, key_file: Path
) -> None:
    limits = {"questions_per_minute": 1}
    async with running(redis_url, database_url, key_file, limits=limits) as app:
        for _ in range(2):
            app.account.send_photo(ALICE, photo(drawn(*CONTRACT)), "Est-ce permis ?")
            await app.settled()
        assert downloads(app) == 1
        assert "Réessayez dans une minute" in app.account.texts(ALICE)[-1]


async def test_without_the_libraries_the_bot_says_that_it_cannot_read_pictures(
    redis_url: str, database_url: str, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scans, "LIBRARIES", ("a_library_that_is_not_there",))
    async with running(redis_url, database_url, key_file) as app:
        app.account.send_photo(ALICE, photo(drawn(*CONTRACT)))
        await app.settled()
        app.account.send_photo(ALICE, photo(drawn(*CONTRACT)), "Mon préavis est-il dû ?")
        await app.settled()
        assert downloads(app) == 0
        app.account.attach(ALICE, "scan.pdf", scanned_pdf(drawn(*CONTRACT)))
        await app.settled()
        alone, captioned, scan = app.account.texts(ALICE)
    assert alone.startswith("Je ne sais pas lire les images")
    assert "Je ne sais pas lire les images" in captioned
    assert "L9999-1" in captioned
    assert scan.startswith("Ce document est numérisé")
