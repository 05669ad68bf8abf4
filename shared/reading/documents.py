"""The text of documents people send: PDF, DOCX, ODT, RTF, plain text and HTML.

Call it inside a sandbox only (shared/privacy/sandbox.py): the parsers are not hardened against
hostile files. Archives are not opened, macros not looked at, text that tracked changes deleted is
left out. Pictures and pages without a text of their own are counted, and read by `scan_child.py`.
"""

import io
import itertools
import json
import re
import zipfile
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Literal
from xml.sax import SAXException
from xml.sax.handler import ContentHandler

import pypdfium2 as pdfium
from defusedxml import DefusedXmlException
from defusedxml.sax import parseString
from striprtf.striprtf import rtf_to_text

from shared.privacy.charset import clean, decode
from shared.privacy.html_text import parse_html, visible_text

DocumentKind = Literal["pdf", "docx", "odt", "rtf", "text", "html", "image", "other"]
DocumentState = Literal[
    "read", "named", "picture", "illegible", "encrypted", "unreadable", "too_large"
]
"""`named`: a kind of file that holds no text for us; `picture`: a picture or scan that was not
looked at; `illegible`: one in which no text was recognised; `too_large`: once unpacked."""

MAX_UNZIPPED_BYTES = 100 * 1024 * 1024
MAX_XML_BYTES = 20 * 1024 * 1024
MAX_RATIO = 100
MIN_BOMB_BYTES = 1024 * 1024
"""Below this size a good compression ratio is no threat."""

IMAGES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\x00", b"MM\x00*")
BOXED_IMAGES = {b"ftypheic", b"ftypheix", b"ftypheim", b"ftypmif1", b"ftypmsf1", b"ftypavif"}
"""HEIC and AVIF by the brand of their first box (ISO/IEC 23008-12), four bytes into the file."""
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENCRYPTED_OFFICE = "EncryptedPackage".encode("utf-16-le")
WRITTEN = {"docx", "odt", "rtf"}
"""Without a word in it such a file holds a picture, which is not looked at."""
RTF = b"{\\rtf"
RTF_PICTURES = re.compile(rb"[0-9A-Fa-f\r\n]{256,}")
"""The digits of pictures and embedded files, of which striprtf reads about 1 MB in a second."""
RTF_HIDDEN = re.compile(
    r"\\(?:v|deleted)1?(?![a-z0-9])(?:[^{}\\]|\\(?!v0|deleted0|plain)(?:[a-z]+|[^a-z]))*"
)
"""Hidden text and what tracked changes deleted (RTF 1.9.1), up to a group's end: striprtf shows
them."""
MAX_RTF_BYTES = 2_000_000
"""Without those digits."""
HTML = re.compile(rb"\s*<(!doctype html|html)\b", re.IGNORECASE)
PARAGRAPHS = {"p", "h", "tr"}
SPACES = {"br", "cr", "line-break", "s", "tab", "tc"}
NOT_SHOWN = {"Fallback", "delText", "instrText", "moveFrom", "tracked-changes"}
"""Twins for old readers, deleted text and field codes of OOXML (ECMA-376) and ODF 1.3."""


MIN_PAGE_LETTERS = 20
"""A page with fewer, and something drawn on it, is taken for a scan."""
SCAN_SHARE = 0.5
SCAN_LETTERS = 300
"""So is one with fewer than these that a picture covers by half: scanners sign their pages."""
MAX_PAGE_OBJECTS = 2_000


@dataclass(frozen=True, slots=True)
class Document:
    """Result of reading a document; `text` is empty unless `state` is read.

    `recognised`: some of it was read from pictures; `doubtful`: not surely right; `scanned_pages`:
    how many pages are pictures that were not read.
    """

    state: DocumentState
    text: str = ""
    recognised: bool = False
    doubtful: bool = False
    scanned_pages: int = 0


class TooLargeUnpacked(ValueError):
    """The unpacked file exceeds the size limit."""


def kind_of(data: bytes, content_type: str = "") -> DocumentKind:
    """Return the kind of a file, from its content rather than from its name."""
    if data[:1024].lstrip()[:5] == b"%PDF-":
        return "pdf"
    if is_image(data) or content_type.startswith("image/"):
        return "image"
    if data.startswith(OLE):
        return "docx" if ENCRYPTED_OFFICE in data else "other"
    if data.startswith(b"PK"):
        return _zip_kind(data)
    if data.startswith(RTF):
        return "rtf"
    if content_type == "text/html" or HTML.match(data[:256]):
        return "html"
    if content_type.startswith("text/") and b"\x00" not in data[:4096]:
        return "text"
    return "other"


def is_image(data: bytes) -> bool:
    """Whether a file begins as pictures do; safe to ask outside of a sandbox."""
    is_webp = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    return data.startswith(IMAGES) or data[4:12] in BOXED_IMAGES or is_webp


def read_document(
    data: bytes,
    kind: DocumentKind,
    *,
    max_pages: int,
    max_characters: int,
    charset: str | None = None,
) -> Document:
    """Return the text of a file of that kind, or the reason for none; never raises for its content.

    `charset` is the declared, untrusted one of plain text and HTML.
    """
    try:
        document = _read(data, kind, max_pages, max_characters, charset)
    except TooLargeUnpacked:
        return Document("too_large")
    except (
        zipfile.BadZipFile,
        LookupError,
        SAXException,
        DefusedXmlException,
        NotImplementedError,
    ):
        return Document("unreadable")
    except (ValueError, EOFError, OSError, RuntimeError):  # zlib's, PDFium's and zipfile's own
        return Document("unreadable")
    text = clean(document.text).strip()[:max_characters]
    is_empty = document.state == "read" and kind in WRITTEN and not text
    return replace(document, state="illegible" if is_empty else document.state, text=text)


def document_json(data: bytes, max_pages: int, max_characters: int) -> bytes:
    """Return the kind and the Document of a file as JSON.

    `data` is the content type that was told, a null byte, and the content, which decides.
    """
    told, _, content = data.partition(b"\0")
    kind = kind_of(content, told.decode())
    document = read_document(content, kind, max_pages=max_pages, max_characters=max_characters)
    return json.dumps([kind, asdict(document)]).encode()


def _zip_kind(data: bytes) -> DocumentKind:
    try:
        names = set(zipfile.ZipFile(io.BytesIO(data)).namelist())
    except (zipfile.BadZipFile, ValueError, OSError):
        return "other"
    if "word/document.xml" in names:
        return "docx"
    return "odt" if {"content.xml", "mimetype"} <= names else "other"


def _read(
    data: bytes, kind: DocumentKind, max_pages: int, max_characters: int, charset: str | None
) -> Document:
    if kind == "pdf":
        return _read_pdf(data, max_pages, max_characters)
    if kind == "docx":
        if data.startswith(OLE):
            return Document("encrypted")
        return _read_office(data, kind, max_characters)
    if kind == "odt":
        return _read_office(data, kind, max_characters)
    if kind == "rtf":
        return _read_rtf(data)
    if kind == "html":
        tree, _ = parse_html(decode(data, charset))
        return Document("read", visible_text(tree.body))
    if kind == "text":
        return Document("read", decode(data[: max_characters * 4], charset))
    return Document("picture" if kind == "image" else "named")


def open_pdf(data: bytes) -> "pdfium.PdfDocument | Document":
    """Return the opened file, or the reason why it cannot be."""
    try:
        return pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        return Document("encrypted" if "assword" in str(error) else "unreadable")


def page_text(page: "pdfium.PdfPage") -> str:
    """Return the text layer of a page."""
    return str(page.get_textpage().get_text_bounded()).replace("\r\n", "\n")


def is_scan(page: "pdfium.PdfPage", text: str) -> bool:
    """Whether a page shows more than its text layer says: a picture of text, or outlines of it."""
    letters = sum(map(str.isalnum, text))
    if letters >= SCAN_LETTERS:
        return False
    objects = list(itertools.islice(page.get_objects(max_depth=2), MAX_PAGE_OBJECTS))
    if letters < MIN_PAGE_LETTERS:
        return any(each.type != pdfium.raw.FPDF_PAGEOBJ_TEXT for each in objects)
    width, height = page.get_size()
    pictures = (each for each in objects if each.type == pdfium.raw.FPDF_PAGEOBJ_IMAGE)
    covered = sum(
        (right - left) * (top - bottom) for left, bottom, right, top in map(_place, pictures)
    )
    return bool(covered > SCAN_SHARE * width * height)


def _place(thing: "pdfium.PdfObject") -> tuple[float, float, float, float]:
    """Return left, bottom, right and top of an object on its page, in points."""
    left, bottom, right, top = thing.get_bounds()
    return left, bottom, right, top


def _read_pdf(data: bytes, max_pages: int, max_characters: int) -> Document:
    """Return the text layer of a PDF, and how many of its pages are scans."""
    document = open_pdf(data)
    if isinstance(document, Document):
        return document
    pages: list[str] = []
    length = scanned = 0
    for number in range(min(len(document), max_pages)):
        page = document[number]
        pages.append(page_text(page))
        scanned += is_scan(page, pages[-1])
        length += len(pages[-1])
        if length > max_characters:
            break
    text = "\n\n".join(pages)
    return Document(
        "read" if text.strip() or not scanned else "picture", text, scanned_pages=scanned
    )


def _read_office(data: bytes, kind: Literal["docx", "odt"], max_characters: int) -> Document:
    archive = zipfile.ZipFile(io.BytesIO(data))
    members = archive.infolist()
    size = sum(entry.file_size for entry in members)
    ratio = size / max(1, sum(entry.compress_size for entry in members))
    if size > MAX_UNZIPPED_BYTES or (size > MIN_BOMB_BYTES and ratio > MAX_RATIO):
        raise TooLargeUnpacked
    if _is_encrypted(archive):
        return Document("encrypted")
    with archive.open("word/document.xml" if kind == "docx" else "content.xml") as stream:
        xml = stream.read(MAX_XML_BYTES + 1)
    if len(xml) > MAX_XML_BYTES:
        raise TooLargeUnpacked
    words = _Words(max_characters)
    with suppress(_Enough):
        parseString(xml, words)
    text = "".join(words.pieces)
    return Document("read", re.sub(r"\n{3,}", "\n\n", text).strip())


def _read_rtf(data: bytes) -> Document:
    words = RTF_PICTURES.sub(b"", data)
    if len(words) > MAX_RTF_BYTES:
        raise TooLargeUnpacked
    marked = RTF_HIDDEN.sub("", words.decode("cp1252", "replace"))
    text = rtf_to_text(marked, errors="replace")  # type: ignore[no-untyped-call]
    return Document("read", str(text))


def _is_encrypted(archive: zipfile.ZipFile) -> bool:
    if any(entry.flag_bits & 1 for entry in archive.infolist()):
        return True
    manifest = "META-INF/manifest.xml"
    if manifest not in archive.namelist():
        return False
    with archive.open(manifest) as stream:
        return b"encryption-data" in stream.read(MAX_XML_BYTES)


class _Enough(Exception):
    """As much text was read as is wanted."""


class _Words(ContentHandler):
    """Collects the text of a word processor's XML, a line per paragraph.

    Nothing is kept of the elements themselves: a tree of them takes 35 times the memory of the XML.
    """

    def __init__(self, max_characters: int) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._left = max_characters * 2  # blank lines go later
        self._hidden = 0

    def startElement(self, name: str, attrs: object) -> None:
        """Begin a paragraph, a space, or what is not shown."""
        tag = name.rpartition(":")[2]
        if tag in NOT_SHOWN or self._hidden:
            self._hidden += 1
        elif tag in PARAGRAPHS:
            self._add("\n")
        elif tag in SPACES:
            self._add(" ")

    def endElement(self, name: str) -> None:
        """End what is not shown."""
        self._hidden -= self._hidden > 0

    def characters(self, content: str) -> None:
        """Take text."""
        if not self._hidden:
            self._add(content)

    def _add(self, piece: str) -> None:
        if piece == "\n" and self.pieces[-2:] == ["\n", "\n"]:
            return  # empty paragraphs, of which a small file can hold millions
        self.pieces.append(piece)
        self._left -= len(piece)
        if self._left < 0:
            raise _Enough
