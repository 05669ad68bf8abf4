"""Reads pictures and scanned pages: functions that run in a sandbox (shared/privacy/sandbox.py).

`prepare` loads the models once the process is confined: it opens nothing but code and weights.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from shared.privacy.charset import clean
from shared.reading.documents import Document, is_scan, open_pdf, page_text
from shared.reading.layout import Line, Piece, lines_in_order
from shared.reading.pictures import TooManyPixels, cut, drawn, pictures_of

if TYPE_CHECKING:
    from shared.reading.letters import LetterReader
    from shared.reading.thai import ThaiReader

NOISE_CONFIDENCE = 0.35
"""A line that is less sure is left out: dirt, a stamp, a pattern."""
SURE_CONFIDENCE = 0.85
DOUBTFUL_SHARE = 0.15
"""From this share of characters in lines that are not sure, a text is doubtful."""
LEGIBLE_CONFIDENCE = 0.65
"""A page whose mean is lower is not legible: Thai letters have 0.5 to 0.6."""


@dataclass(frozen=True, slots=True)
class _Readers:
    letters: "LetterReader"
    thai: "ThaiReader | None"


_loaded: list[_Readers] = []


def prepare(thai_weights: str, **_limits: float | str) -> None:
    """Load the models."""
    from shared.reading.letters import LetterReader
    from shared.reading.thai import ThaiReader, has_weights

    folder = Path(thai_weights)
    thai = ThaiReader(folder) if has_weights(folder) else None
    _loaded.append(_Readers(LetterReader(), thai))


def read_scan(
    data: bytes,
    *,
    thai_weights: str,
    max_pages: int,
    max_scanned_pages: int,
    max_characters: int,
    budget_s: float,
) -> bytes:
    """Return the Document of a picture or a PDF as JSON.

    `data` is its kind, a null byte, and its content. Scanned pages beyond the limit, and those left
    when `budget_s` is used up, are counted.
    """
    kind, _, content = data.partition(b"\0")
    reading = _Reading(max_scanned_pages, time.monotonic() + budget_s)
    try:
        if kind == b"pdf":
            document = _read_pdf(content, max_pages, reading)
        else:
            document = _read_picture(content, reading)
    except TooManyPixels:
        document = Document("too_large")
    except (ValueError, OSError, SyntaxError, EOFError, RuntimeError):  # damage, as Pillow tells it
        document = Document("unreadable")
    text = clean(document.text).strip()[:max_characters]
    return json.dumps(asdict(document) | {"text": text}).encode()


@dataclass(slots=True)
class _Reading:
    """What was read so far, page by page."""

    max_scanned_pages: int
    deadline: float
    pages: list[str] = field(default_factory=list)
    scanned: int = 0
    left: int = 0
    recognised: list[Line] = field(default_factory=list)

    def take_text(self, text: str) -> None:
        self.pages.append(text)

    def take_scan(self, text: str, draw: "Callable[[], Image.Image]") -> None:
        """Read a page whose text layer is `text`, or count it as left."""
        is_over = self.scanned >= self.max_scanned_pages or time.monotonic() > self.deadline
        if self.scanned and is_over:
            self.left += 1
            self.pages.append(text)
            return
        self.scanned += 1
        lines = _legible_lines(draw())
        read = "\n".join(line.text for line in lines)
        if len(read) > len(text):
            self.recognised += lines
            self.pages.append(read)
        else:
            self.left += not text.strip()
            self.pages.append(text)

    def document(self) -> Document:
        """Return the pages in their order as one document."""
        text = "\n\n".join(page for page in self.pages if page.strip())
        if not text:
            return Document("illegible", scanned_pages=self.left)
        return Document(
            "read",
            text,
            recognised=bool(self.recognised),
            doubtful=_is_doubtful(self.recognised),
            scanned_pages=self.left,
        )


def _read_pdf(content: bytes, max_pages: int, reading: _Reading) -> Document:
    pdf = open_pdf(content)
    if isinstance(pdf, Document):
        return pdf
    for number in range(min(len(pdf), max_pages)):
        page = pdf[number]
        text = page_text(page)
        if is_scan(page, text):
            reading.take_scan(text, partial(drawn, page))
        else:
            reading.take_text(text)
        page.close()
    return reading.document()


def _read_picture(content: bytes, reading: _Reading) -> Document:
    for picture in pictures_of(content, reading.max_scanned_pages + 1):
        reading.take_scan("", partial(_itself, picture))
    return reading.document()


def _itself(picture: "Image.Image") -> "Image.Image":
    return picture


def _legible_lines(picture: "Image.Image") -> list[Line]:
    """Return the lines of a page; none when the page as a whole cannot be read."""
    lines = [line for part in cut(picture) for line in _lines(part)]
    kept = [line for line in lines if line.confidence >= NOISE_CONFIDENCE]
    return kept if _mean(kept) >= LEGIBLE_CONFIDENCE else []


def _lines(picture: "Image.Image") -> list[Line]:
    readers = _loaded[0]
    page = readers.letters.read(np.asarray(picture)[:, :, ::-1])
    if readers.thai and not all(map(_is_sure, page.pieces)):
        page = readers.thai.read(page, _is_sure)
    return lines_in_order(page.pieces)


def _is_sure(piece: Piece | Line) -> bool:
    return piece.confidence >= SURE_CONFIDENCE


def _mean(lines: Sequence[Line]) -> float:
    """Return the mean confidence of the characters of lines."""
    length = sum(len(line.text) for line in lines)
    return sum(line.confidence * len(line.text) for line in lines) / max(1, length)


def _is_doubtful(lines: Sequence[Line]) -> bool:
    length = sum(len(line.text) for line in lines)
    unsure = sum(len(line.text) for line in lines if not _is_sure(line))
    return unsure > DOUBTFUL_SHARE * length
