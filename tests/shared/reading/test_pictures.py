"""Pictures on their way to the recognition: sizes, bombs, screenshots."""

import numpy as np
import pytest
from PIL import Image

from shared.reading.documents import kind_of, read_document
from shared.reading.pictures import (
    MAX_PIXELS,
    TALL,
    TooManyPixels,
    cut,
    pictures_of,
)
from tests.shared.reading.drawn_letters import drawn, photo, saved, scanned_pdf


@pytest.mark.parametrize("form", ["PNG", "GIF"])
def test_a_bomb_is_refused_before_it_is_unpacked(form: str) -> None:
    content = saved(Image.new("1", (8_100, 8_100), 1), form)
    assert len(content) < 400_000
    with pytest.raises(TooManyPixels):
        next(pictures_of(content, 1))


def test_a_large_photo_is_made_smaller_while_it_is_decoded() -> None:
    content = saved(Image.new("L", (6_000, 4_500), 255), "JPEG", quality=50)
    [picture] = pictures_of(content, 1)
    assert picture.mode == "RGB"
    assert picture.width * picture.height <= MAX_PIXELS * 1.01


def test_what_is_seen_through_is_white_and_sixteen_bits_are_shown() -> None:
    clear = Image.new("RGBA", (60, 40), (0, 0, 0, 0))
    clear.putpixel((5, 5), (0, 0, 0, 255))
    [picture] = pictures_of(saved(clear, "PNG"), 1)
    assert picture.getpixel((30, 20)) == (255, 255, 255)
    deep = np.full((40, 60), 60_000, np.uint16)
    deep[10:20, 10:50] = 2_000
    [picture] = pictures_of(saved(Image.fromarray(deep), "PNG"), 1)
    assert (picture.getpixel((0, 0)), picture.getpixel((30, 15))) == ((255,) * 3, (0,) * 3)


def test_a_screenshot_of_a_chat_is_cut_between_its_lines() -> None:
    page = drawn()
    tall = Image.new("RGB", (page.width, page.height * 8), "white")
    for number in range(8):
        tall.paste(page, (0, number * page.height))
    [picture] = pictures_of(saved(tall, "PNG"), 1)
    pieces = list(cut(picture))
    assert len(pieces) > 1
    assert sum(piece.height for piece in pieces) == picture.height
    for piece in pieces:
        assert piece.height <= TALL * piece.width + 1
    for piece in pieces[:-1]:
        last_row = piece.crop((0, piece.height - 1, piece.width, piece.height))
        low, high = last_row.convert("L").getextrema()
        assert low == high


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "HEIF", "TIFF", "GIF"])
def test_a_picture_is_known_by_its_content(form: str) -> None:
    assert kind_of(saved(drawn(), form), "application/octet-stream") == "image"


def test_scanned_pages_are_counted_where_they_are_not_read() -> None:
    read = read_document(scanned_pdf(drawn(), drawn()), "pdf", max_pages=9, max_characters=900)
    assert (read.state, read.text, read.scanned_pages) == ("picture", "", 2)
    assert read_document(photo(drawn()), "image", max_pages=1, max_characters=9).state == "picture"
