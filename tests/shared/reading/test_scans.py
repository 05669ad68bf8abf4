"""Pictures and scanned pages, read in the confined child as the services read them."""

import json
import os
import socket
import string
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from fontpkg_noto_sans_thai import __file__ as thai_font_package
from PIL import Image, ImageDraw, ImageFont

from shared.privacy.sandbox import Sandbox
from shared.reading import scans
from shared.reading.documents import Document
from shared.reading.scans import PROCESSOR, ScanReader
from shared.reading.settings import ScanSettings
from tests.shared.reading.drawn_letters import (
    LETTER,
    drawn,
    faint,
    grainy,
    joined_pdf,
    pdf_of,
    photo,
    saved,
    scanned_pdf,
)

ROOT = Path(__file__).resolve().parents[3]
THAI = "บริษัทขอแจ้งให้ท่านทราบว่า\nสัญญาจ้างของท่านจะสิ้นสุดลง\nในวันที่ 30 มิถุนายน"
pytestmark = pytest.mark.slow


@asynccontextmanager
async def scan_reader(**settings: object) -> AsyncIterator[ScanReader]:
    limits = ScanSettings.model_validate(settings)
    async with ScanReader(limits, max_pages=20, max_characters=5_000) as reader:
        reader._sandbox._calls_per_process = 9  # loading the models takes a second each time
        yield reader


async def read(kind: str, content: bytes, **settings: object) -> Document:
    async with scan_reader(**settings) as reader:
        return await reader.read(kind, content)  # type: ignore[arg-type]


def plain(text: str) -> str:
    """Without what a reading may well miss: blanks and marks."""
    return "".join(text.lower().translate(dict.fromkeys(map(ord, string.punctuation))).split())


async def test_pages_are_read_in_their_order_whichever_way_they_lie() -> None:
    turned = [drawn(f"Page {word}", *LETTER) for word in ("un", "deux", "trois", "quatre", "cinq")]
    pages = [
        turned[0],
        turned[1].transpose(Image.Transpose.ROTATE_90),
        faint(turned[2].transpose(Image.Transpose.ROTATE_180)),
        grainy(turned[3].transpose(Image.Transpose.ROTATE_270)),
        turned[4].rotate(4, Image.Resampling.BICUBIC, expand=True, fillcolor="white"),
    ]
    tiff = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:], compression="tiff_lzw")

    document = await read("image", tiff)

    wanted = [
        plain("".join((f"Page {word}", *LETTER)))
        for word in ("un", "deux", "trois", "quatre", "cinq")
    ]
    assert [plain(page) for page in document.text.split("\n\n")] == wanted
    assert (document.state, document.recognised, document.doubtful) == ("read", True, False)
    assert document.scanned_pages == 0


async def test_a_photo_lies_as_the_telephone_says_in_every_format() -> None:
    lying = drawn().transpose(Image.Transpose.ROTATE_90)
    see_through = drawn().convert("RGBA")
    see_through.putalpha(255)
    files = [
        photo(lying, orientation=6),
        saved(see_through, "PNG"),
        saved(drawn(), "WEBP", quality=80),
        saved(drawn(), "HEIF", quality=80),
    ]
    async with scan_reader() as reader:
        for content in files:
            document = await reader.read("image", content)
            assert plain(document.text) == plain("".join(LETTER))


async def test_a_document_of_texts_and_scans_keeps_the_order_of_its_pages() -> None:
    content = joined_pdf(
        scanned_pdf(drawn("Première page, numérisée")),
        pdf_of(("Deuxième page, avec son propre texte",)),
        scanned_pdf(drawn("Troisième page, numérisée")),
    )
    document = await read("pdf", content)
    assert [plain(page) for page in document.text.split("\n\n")] == [
        plain("Première page, numérisée"),
        plain("Deuxième page, avec son propre texte"),
        plain("Troisième page, numérisée"),
    ]
    assert document.scanned_pages == 0


@pytest.mark.parametrize("limit", ["pages", "time"])
async def test_pages_over_a_limit_are_counted_and_the_others_kept(
    limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if limit == "time":
        monkeypatch.setattr(scans, "BUDGET_SHARE", 0.0)
    content = scanned_pdf(drawn("Page une"), drawn("Page deux"), drawn("Page trois"))
    document = await read("pdf", content, pages=1 if limit == "pages" else 10)
    assert (plain(document.text), document.scanned_pages) == ("pageune", 2)


async def test_what_cannot_be_read_is_told_and_the_next_file_is_read() -> None:
    blank = Image.new("RGB", (400, 300), "#c8b9a0")
    bomb = saved(Image.new("1", (9_000, 9_000)), "PNG")
    damaged = photo(drawn())[:700]
    async with scan_reader() as reader:
        assert await reader.read("image", photo(blank)) == Document("illegible", scanned_pages=1)
        assert (await reader.read("image", bomb)).state == "too_large"
        assert (await reader.read("image", damaged)).state in {"unreadable", "illegible"}
        assert (await reader.read("image", b"\xff\xd8\xff nothing")).state == "unreadable"
        assert plain((await reader.read("image", photo(drawn()))).text) == plain("".join(LETTER))


async def test_a_file_that_takes_too_much_memory_or_time_is_unreadable() -> None:
    assert (await read("image", photo(drawn()), file_s=0.05)).state == "unreadable"
    # the models alone take more
    cramped = Sandbox(
        "shared.reading.scan_child:read_scan",
        prepare="tests.shared.reading.prepared:prepare",
        timeout_s=60,
        memory_mib=300,
    )
    async with cramped, scan_reader() as reader:
        reader._sandbox = cramped
        assert (await reader.read("image", photo(drawn()))).state == "unreadable"


async def test_a_child_that_has_loaded_the_models_reaches_nothing(tmp_path: Path) -> None:
    secret = tmp_path / "vault"
    secret.write_bytes(b"key")
    ours, theirs = socket.socketpair()
    there = {
        "worker": os.getpid(),
        "secret": str(secret),
        "checkout": str(ROOT),
        "descriptor": ours.fileno(),
    }
    async with Sandbox(
        "tests.shared.privacy.oversteps:overstep",
        prepare="tests.shared.reading.prepared:prepare",
        readable=PROCESSOR,
        timeout_s=60,
        start_timeout_s=60,
        memory_mib=1_536,
    ) as inside:
        found = json.loads(await inside.call(json.dumps(there).encode()))
    ours.close()
    theirs.close()
    assert found["done"] == []


async def test_without_its_libraries_a_picture_is_not_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scans, "LIBRARIES", ("json", "a_library_that_is_not_there"))
    async with scan_reader() as reader:
        assert reader.missing == ["a_library_that_is_not_there"]
        assert await reader.read("image", photo(drawn())) == Document("picture")


def thai_letter() -> bytes:
    [font] = (Path(thai_font_package).parent / "files").glob("*.ttf")
    page = Image.new("RGB", (760, 330), "white")
    shape = ImageFont.truetype(font, 34)
    ImageDraw.Draw(page).multiline_text((40, 40), THAI, "#111", font=shape, spacing=26)
    return photo(page)


async def test_thai_is_illegible_without_its_weights(tmp_path: Path) -> None:
    document = await read("image", thai_letter(), thai_weights=tmp_path)
    assert (document.state, document.text) == ("illegible", "")


@pytest.mark.needs("tesseract")
async def test_thai_is_read_with_its_weights() -> None:
    document = await read("image", thai_letter())
    assert plain(document.text) == plain(THAI)
