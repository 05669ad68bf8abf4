"""Documents a person attaches, valid and hostile ones."""

import asyncio
import contextlib
import io
import time
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from shared.errors import TooLarge
from shared.reading.settings import ScanSettings
from telegram_service.answering.attachments import MAX_BYTES, TYPES
from telegram_service.answering.document_reader import (
    READER_MEMORY_MIB,
    DocumentReader,
    document_sandbox,
    scan_reader,
)
from telegram_service.channels.telegram.downloads import fetch, new_file_client
from telegram_service.errors import UnreadableDocument
from tests.servers.loopback import served
from tests.telegram_service.running_app import RunningApp, running

pytestmark = pytest.mark.slow

ALICE = 11


def docx(text: str) -> bytes:
    """A Word document (ECMA-376) of one paragraph."""
    return docx_of(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>")


def docx_of(body: str) -> bytes:
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(
            "word/document.xml",
            f"<w:document xmlns:w='{space}'>{body}</w:document>",
        )
    return content.getvalue()


def pdf(text: str) -> bytes:
    """A one-page PDF (ISO 32000-1); readers rebuild the missing cross-reference table."""
    stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET"
    return (
        "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        "2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        "3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R"
        "/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>endobj\n"
        f"4 0 obj<</Length {len(stream)}>>stream\n{stream}\nendstream endobj\n"
        "trailer<</Root 1 0 R>>\n%%EOF\n"
    ).encode()


@contextlib.asynccontextmanager
async def document_reader() -> AsyncIterator[DocumentReader]:
    async with document_sandbox() as sandbox, scan_reader(ScanSettings()) as scans:
        yield DocumentReader(sandbox, scans)


@pytest.mark.parametrize(
    ("told", "content"),
    [
        ("text/plain", "Clause de non-concurrence".encode("cp1252")),
        ("", docx("Clause de non-concurrence")),
        ("application/octet-stream", pdf("Clause de non-concurrence")),
    ],
)
async def test_the_text_of_a_document_is_read(told: str, content: bytes) -> None:
    async with document_reader() as reader:
        assert "Clause de non-concurrence" in (await reader.read(told, content)).text


@pytest.mark.parametrize("told", [TYPES[".pdf"], TYPES[".docx"], ""])
async def test_a_damaged_document_is_unreadable(told: str) -> None:
    async with document_reader() as reader:
        with pytest.raises(UnreadableDocument):
            await reader.read(told, b"nothing of the sort")


async def test_a_zip_bomb_is_unreadable_and_quickly_so() -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"0" * 150_000_000)
    began = time.monotonic()
    async with document_reader() as reader:
        with pytest.raises(UnreadableDocument):
            await reader.read(TYPES[".docx"], content.getvalue())
    assert time.monotonic() - began < 10


def children_alive() -> int:
    """Count the processes of sandboxes under this one, without the dead."""
    alive = 0
    for child in psutil.Process().children():  # a child also starts ldconfig, to find a library
        with contextlib.suppress(psutil.NoSuchProcess):
            is_dead = child.status() == psutil.STATUS_ZOMBIE
            alive += not is_dead and "sandbox_child" in " ".join(child.cmdline())
    return alive


async def test_documents_that_come_together_are_read_one_after_the_other() -> None:
    before = children_alive()  # another test's, in this process
    seen: list[int] = []

    async def watch() -> None:
        while True:
            seen.append(await asyncio.to_thread(children_alive))
            await asyncio.sleep(0.01)

    async with document_reader() as reader:
        watching = asyncio.create_task(watch())
        reading = [reader.read(TYPES[".docx"], docx("Clause")) for _ in range(4)]
        assert all("Clause" in document.text for document in await asyncio.gather(*reading))
        watching.cancel()
    assert max(seen) == before + 1


async def test_a_document_of_millions_of_paragraphs_takes_little_memory() -> None:
    words = "".join(f"<w:p><w:r><w:t>{number:x}</w:t></w:r></w:p>" for number in range(400_000))
    async with document_reader() as reader:
        text = (await reader.read(TYPES[".docx"], docx_of(words))).text
    assert text.startswith("0\n1\n2")
    assert READER_MEMORY_MIB <= 256


async def test_a_question_about_a_document_quotes_it(app: RunningApp) -> None:
    app.account.attach(ALICE, "Contrat.TXT", b"Article 4. Essai de neuf mois.", "Est-ce permis ?")
    await app.settled()
    asked = app.ai.asked[0].messages[-1].content
    assert asked.startswith("Est-ce permis ?")
    assert "« Article 4. Essai de neuf mois. »" in asked
    assert len(app.account.texts(ALICE)) == 1


async def test_a_file_of_another_kind_is_politely_refused(app: RunningApp) -> None:
    app.account.attach(ALICE, "programme.exe", b"MZ")
    await app.settled()
    assert "PDF, DOCX et TXT" in app.account.texts(ALICE)[0]
    assert app.ai.asked == []


async def test_a_document_over_the_quota_is_not_downloaded(
    redis_url: str, database_url: str, key_file: Path
) -> None:
    async with running(
        redis_url, database_url, key_file, limits={"questions_per_minute": 1}
    ) as app:
        for number in range(3):
            app.account.attach(ALICE, f"contrat{number}.txt", b"Article 4.", "Est-ce permis ?")
            await app.settled()
        fetched = [call for call in app.account.calls if call.method == "getFile"]
        assert len(fetched) == 1
        assert len(app.ai.asked) == 1
        assert "Réessayez dans une minute" in app.account.texts(ALICE)[-1]


async def test_a_document_larger_than_it_says_is_refused_politely(app: RunningApp) -> None:
    update = app.account.attach(ALICE, "contrat.txt", b"x" * (MAX_BYTES + 1), "Est-ce permis ?")
    update["message"]["document"]["file_size"] = 10
    await app.settled()
    [told] = app.account.texts(ALICE)
    assert "dépasse 20 Mo" in told
    assert app.ai.asked == []


async def test_a_file_that_telegram_does_not_hand_out_is_politely_refused(app: RunningApp) -> None:
    update = app.account.attach(ALICE, "contrat.pdf", b"%PDF-1.7")
    app.account.files.pop(update["message"]["document"]["file_id"])
    await app.settled()
    [text] = app.account.texts(ALICE)
    assert "Je n'ai pas pu lire ce fichier" in text


async def test_a_download_ends_when_more_comes_than_may() -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 65_536
            await asyncio.sleep(0)  # let it be cancelled
            yield b"x" * 65_536

    async def file(_request: Request) -> Response:
        return StreamingResponse(endless())

    files = await asyncio.to_thread(new_file_client)
    async with served(Starlette(routes=[Route("/file", file)])) as url, files:
        with pytest.raises(TooLarge):
            await fetch(files, f"{url}/file", 1_000_000)
    assert sent < 20_000_000
