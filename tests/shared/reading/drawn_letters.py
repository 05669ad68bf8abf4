"""Letters as pictures, drawn by PDFium in its own Helvetica: no font of the machine is needed."""

import io

import numpy as np
import pypdfium2 as pdfium
from PIL import Image, ImageFilter
from pillow_heif import register_heif_opener

LETTER = (
    "Objet : votre préavis",
    "Madame, votre contrat prend fin",
    "le 14 juin 2026, après deux mois.",
)
WIDTH, HEIGHT = 330, 150
"""In points."""


def pdf_of(*pages: tuple[str, ...]) -> bytes:
    """Return a PDF (ISO 32000-1) with a page for each list of lines, without a table of objects."""
    numbers = range(4, 4 + 2 * len(pages), 2)
    kids = " ".join(f"{number} 0 R" for number in numbers)
    objects = [
        "1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj",
        f"2 0 obj<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>endobj",
        "3 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>endobj",
    ]
    for number, lines in zip(numbers, pages, strict=True):
        shown = " T* ".join(f"({line}) Tj" for line in lines)
        stream = f"BT /F1 15 Tf 24 TL 25 {HEIGHT - 35} Td {shown} ET"
        objects += [
            f"{number} 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 {WIDTH} {HEIGHT}]"
            f"/Contents {number + 1} 0 R/Resources<</Font<</F1 3 0 R>>>>>>endobj",
            f"{number + 1} 0 obj<</Length {len(stream)}>>stream\n{stream}\nendstream endobj",
        ]
    return "\n".join(["%PDF-1.4", *objects, "trailer<</Root 1 0 R>>", "%%EOF"]).encode("cp1252")


def drawn(*lines: str) -> Image.Image:
    """Return a picture of a page with these lines, at 180 dots per inch."""
    page = pdfium.PdfDocument(pdf_of(lines or LETTER))[0]
    picture: Image.Image = page.render(scale=2.5).to_pil()
    return picture.convert("RGB")


def photo(picture: Image.Image, *, orientation: int = 1) -> bytes:
    """Return a picture as a JPEG file, with the EXIF orientation a telephone writes."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(picture, "JPEG", quality=85, exif=exif)


def saved(picture: Image.Image, form: str, **options: object) -> bytes:
    """Return a picture as a file of that format."""
    register_heif_opener()
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def scanned_pdf(*pages: Image.Image) -> bytes:
    """Return a PDF with a picture on each page and no text."""
    return saved(pages[0], "PDF", save_all=True, append_images=pages[1:], resolution=180)


def faint(picture: Image.Image) -> Image.Image:
    """Return a picture in grey on grey."""
    return picture.point(lambda value: 140 + value * 60 // 255)


def grainy(picture: Image.Image) -> Image.Image:
    """Return a picture out of focus and with noise."""
    soft = np.asarray(picture.filter(ImageFilter.GaussianBlur(1)), np.float32)
    noise = np.random.default_rng(3).normal(0, 25, soft.shape)
    return Image.fromarray(np.clip(soft + noise, 0, 255).astype(np.uint8))


def joined_pdf(*documents: bytes) -> bytes:
    """Return the pages of several PDFs as one."""
    whole = pdfium.PdfDocument.new()
    for document in documents:
        whole.import_pages(pdfium.PdfDocument(document))
    out = io.BytesIO()
    whole.save(out)
    return out.getvalue()
