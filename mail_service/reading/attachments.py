"""The text of attached files: PDF, DOCX, ODT, plain text and HTML; images and the rest are named.

Runs only in the reading child (`reading.py`), whose memory and time are limited: the parsers are
not trusted with hostile files. The kind is found in the content, never in the name. Archives are
not opened, macros not looked at, scanned pages not recognised.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import pypdfium2 as pdfium
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from mail_service.reading.charset import clean, decode
from mail_service.reading.markup import read_html

Kind = Literal["pdf", "docx", "odt", "text", "html", "image", "mail", "other"]
State = Literal["read", "named", "encrypted", "unreadable", "too_large"]

MAX_PAGES = 50
MAX_CHARACTERS = 200_000
MAX_UNZIPPED_BYTES = 100 * 1024 * 1024
MAX_XML_BYTES = 20 * 1024 * 1024
MAX_RATIO = 100
MIN_BOMB_BYTES = 1024 * 1024
"""Below this size a good compression ratio is no threat."""

IMAGES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\x00", b"MM\x00*")
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENCRYPTED_OFFICE = "EncryptedPackage".encode("utf-16-le")
HTML = re.compile(rb"\s*<(!doctype html|html)\b", re.IGNORECASE)
PARAGRAPHS = re.compile(r"\}(p|h|tr)$")
BREAKS = re.compile(r"\}(br|cr|line-break|tab|tc)$")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a mail; `text` is empty unless `state` is read."""

    name: str
    kind: Kind
    size_bytes: int
    state: State
    text: str = ""


class TooLargeInside(ValueError):
    """Unpacked, the file is larger than we read."""


def read_attachment(name: str, content_type: str, data: bytes, charset: str | None) -> Attachment:
    """Return what the file says, or why it says nothing; never raises for its content."""
    kind = _kind(content_type, data)
    try:
        state, text = _text(kind, data, charset)
    except TooLargeInside:
        state, text = "too_large", ""
    except (zipfile.BadZipFile, KeyError, ParseError, DefusedXmlException, NotImplementedError):
        state, text = "unreadable", ""
    except (ValueError, EOFError, OSError, RuntimeError):  # zlib, PDFium and zipfile's own faults
        state, text = "unreadable", ""
    return Attachment(clean(name)[:200], kind, len(data), state, clean(text)[:MAX_CHARACTERS])


def _kind(content_type: str, data: bytes) -> Kind:
    if data[:1024].lstrip()[:5] == b"%PDF-":
        return "pdf"
    if data.startswith(IMAGES) or content_type.startswith("image/"):
        return "image"
    if data.startswith(OLE):
        return "docx" if ENCRYPTED_OFFICE in data else "other"
    if data.startswith(b"PK"):
        return _zip_kind(data)
    if content_type == "text/html" or re.match(
        rb"\s*<(!doctype html|html)\b", data[:256], re.IGNORECASE
    ):
        return "html"
    if content_type.startswith("text/") and b"\x00" not in data[:4096]:
        return "text"
    return "other"


def _zip_kind(data: bytes) -> Kind:
    try:
        names = set(zipfile.ZipFile(io.BytesIO(data)).namelist())
    except (zipfile.BadZipFile, ValueError, OSError):
        return "other"
    if "word/document.xml" in names:
        return "docx"
    return "odt" if {"content.xml", "mimetype"} <= names else "other"


def _text(kind: Kind, data: bytes, charset: str | None) -> tuple[State, str]:
    if kind == "pdf":
        return _pdf(data)
    if kind == "docx":
        return ("encrypted", "") if data.startswith(OLE) else _office(data, "word/document.xml")
    if kind == "odt":
        return _office(data, "content.xml")
    if kind == "html":
        return "read", read_html(decode(data, charset)).text
    if kind == "text":
        return "read", decode(data[: MAX_CHARACTERS * 4], charset)
    return "named", ""


def _pdf(data: bytes) -> tuple[State, str]:
    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        return ("encrypted" if "assword" in str(error) else "unreadable"), ""
    pages: list[str] = []
    length = 0
    for number in range(min(len(document), MAX_PAGES)):
        pages.append(document[number].get_textpage().get_text_bounded())
        length += len(pages[-1])
        if length > MAX_CHARACTERS:
            break
    return "read", "\n\n".join(pages).replace("\r\n", "\n")


def _office(data: bytes, member: str) -> tuple[State, str]:
    archive = zipfile.ZipFile(io.BytesIO(data))
    members = archive.infolist()
    size = sum(entry.file_size for entry in members)
    ratio = size / max(1, sum(entry.compress_size for entry in members))
    if size > MAX_UNZIPPED_BYTES or (size > MIN_BOMB_BYTES and ratio > MAX_RATIO):
        raise TooLargeInside
    if _is_encrypted(archive):
        return "encrypted", ""
    with archive.open(member) as stream:
        xml = stream.read(MAX_XML_BYTES + 1)
    if len(xml) > MAX_XML_BYTES:
        raise TooLargeInside
    return "read", re.sub(r"\n{3,}", "\n\n", "".join(_pieces(xml))).strip()


def _is_encrypted(archive: zipfile.ZipFile) -> bool:
    if any(entry.flag_bits & 1 for entry in archive.infolist()):
        return True
    manifest = "META-INF/manifest.xml"
    if manifest not in archive.namelist():
        return False
    with archive.open(manifest) as stream:
        return b"encryption-data" in stream.read(MAX_XML_BYTES)


def _pieces(xml: bytes) -> Iterator[str]:
    """Yield the text of a word processor's XML, a line per paragraph."""
    for element in fromstring(xml).iter():
        tag = str(element.tag)
        if PARAGRAPHS.search(tag):
            yield "\n"
        elif BREAKS.search(tag):
            yield " "
        yield element.text or ""
        yield element.tail or ""
