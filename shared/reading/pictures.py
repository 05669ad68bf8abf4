"""Decodes pictures and draws pages of PDFs, upright where the file says how, within limits.

Runs in the child of a sandbox only, where Pillow is installed (the extra [ocr]).
"""

import io
import itertools
import warnings
from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np
import pypdfium2 as pdfium
from PIL import Image, ImageOps, ImageSequence

MAX_DECODED_PIXELS = 64_000_000
"""Of one picture, once a JPEG was scaled while decoding: 192 MB as three bytes a pixel."""
MAX_PIXELS = 6_000_000
"""What the recognition is given of one page: an A4 page at 210 dots per inch."""
JPEG_SIDE_PIXELS = 2_600
"""A JPEG is decoded at a half, a quarter or an eighth while it stays as large."""
PDF_DOTS_PER_INCH = 200
POINTS_PER_INCH = 72
TALL = 2.2
"""A picture with a longer side than so many times the shorter is cut: a screenshot of a chat."""
CUT_SEARCH = 0.1
"""How far from the middle of a cut an empty row is looked for, in heights of the piece."""
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF")
PAGED = ("TIFF",)
"""Formats whose frames are pages; of others the first frame is read."""


class TooManyPixels(ValueError):
    """A picture is larger, once decoded, than the limit."""


def pictures_of(data: bytes, max_pages: int) -> Iterator[Image.Image]:
    """Yield the pages of a picture file. Raises TooManyPixels, and what Pillow does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's lower limit and its doubts; ours are below
        picture = _opened(data)
        is_paged = picture.format in PAGED
        frames = itertools.islice(ImageSequence.Iterator(picture), max_pages if is_paged else 1)
        for frame in frames:
            if frame.width * frame.height > MAX_DECODED_PIXELS:
                raise TooManyPixels
            yield _normal(frame)


def _opened(data: bytes) -> Image.Image:
    if find_spec("pillow_heif"):
        from pillow_heif import register_heif_opener

        register_heif_opener(thumbnails=False)
    try:
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError:
        raise TooManyPixels from None
    picture.draft("RGB", (JPEG_SIDE_PIXELS, JPEG_SIDE_PIXELS))
    return picture


def _normal(frame: Image.Image) -> Image.Image:
    """Return a frame in three colours, on white, turned as its EXIF data says, not too large."""
    turned = _scaled(_in_eight_bits(ImageOps.exif_transpose(frame)))
    if turned.mode in {"RGBA", "LA", "PA"}:
        turned = Image.alpha_composite(
            Image.new("RGBA", turned.size, "white"), turned.convert("RGBA")
        )
    return ImageOps.autocontrast(turned.convert("RGB"), cutoff=(0.5, 0.5), preserve_tone=True)


def _in_eight_bits(frame: Image.Image) -> Image.Image:
    """Return a frame without a palette and with one byte a colour."""
    if frame.mode == "P" or "transparency" in frame.info:
        return frame.convert("RGBA")
    if frame.mode.startswith(("I", "F")):
        values = np.asarray(frame, dtype=np.float32)
        span = max(1.0, float(np.ptp(values)))
        return Image.fromarray(((values - values.min()) * (255 / span)).astype(np.uint8))
    return frame


def _scaled(frame: Image.Image) -> Image.Image:
    """Return a frame at a size that can be read: tall ones keep their width, and are cut later."""
    narrow, long = sorted(frame.size)
    limit = MAX_PIXELS * max(1.0, min(long / max(1, narrow) / TALL, 4.0))
    scale = (limit / (frame.width * frame.height)) ** 0.5
    if scale >= 1:
        return frame
    size = (max(1, round(frame.width * scale)), max(1, round(frame.height * scale)))
    return frame.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def drawn(page: "pdfium.PdfPage") -> Image.Image:
    """Return a page of a PDF as a picture."""
    width, height = page.get_size()
    scale = min(PDF_DOTS_PER_INCH / POINTS_PER_INCH, (MAX_PIXELS / max(1.0, width * height)) ** 0.5)
    picture: Image.Image = page.render(scale=scale, rev_byteorder=True).to_pil()
    return picture.convert("RGB")


def cut(picture: Image.Image) -> Iterator[Image.Image]:
    """Yield a tall picture in pieces from top to bottom, cut where a row has one colour."""
    width, height = picture.size
    top = 0
    while height - top > TALL * width:
        wanted = top + round(TALL / 1.5 * width)
        bottom = _emptiest_row(picture, wanted, max(1, round(CUT_SEARCH * wanted)))
        yield picture.crop((0, top, width, bottom))
        top = bottom
    yield picture.crop((0, top, width, height))


def _emptiest_row(picture: Image.Image, wanted: int, reach: int) -> int:
    """Return the row near `wanted` whose colours differ least, of the nearest ones."""
    strip = picture.crop(
        (0, max(0, wanted - reach), picture.width, min(picture.height, wanted + reach))
    )
    rows = strip.convert("L")
    pixels = np.asarray(rows, dtype=np.int16)
    spread = [
        (span, abs(number - reach)) for number, span in enumerate(np.ptp(pixels, axis=1).tolist())
    ]
    best = min(range(len(spread)), key=spread.__getitem__)
    return max(0, wanted - reach) + best + 1
