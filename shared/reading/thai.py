"""Recognises Thai, which RapidOCR's models cannot read, by Tesseract (the extra [ocr]).

The weights are the operator's (Debian: `tesseract-ocr-tha`), a folder of `NAME.traineddata`
(https://tesseract-ocr.github.io/tessdoc/Data-Files.html).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import tesserocr
from PIL import Image, ImageOps

from shared.reading.layout import Piece
from shared.reading.letters import Page, Pixels

WEIGHTS = "tha"
BESIDE = "eng"
"""For Latin words in a Thai page, where the folder has it."""
THAI_SHARE = 0.4
"""Of the letters of a line, from which on it is Thai."""
MIN_CONFIDENCE = 0.5
TRIED_LINES = 4
"""Read in both directions, to know how a Thai page lies: the longest ones."""
MARGIN_PIXELS = 12
"""Paper around a line: Tesseract drops letters that touch the edge."""
_SARA_AM = re.compile("\u0e4d([\u0e48-\u0e4b]?)\u0e32")
"""The vowel am in two characters, as Tesseract writes it; people write one (Unicode 16.2)."""


def has_weights(folder: Path) -> bool:
    """Whether a folder has the weights for Thai."""
    return (folder / f"{WEIGHTS}.traineddata").is_file()


class ThaiReader:
    """Tesseract with the weights of a folder loaded."""

    def __init__(self, folder: Path) -> None:
        names = [name for name in (WEIGHTS, BESIDE) if (folder / f"{name}.traineddata").is_file()]
        self._engine = tesserocr.PyTessBaseAPI(
            path=str(folder), lang="+".join(names), psm=tesserocr.PSM.SINGLE_LINE
        )

    def read(self, page: Page, is_sure: Callable[[Piece], bool]) -> Page:
        """Return a page with Thai in place of what is not sure and is Thai, upright for that."""
        unsure = [at for at, piece in enumerate(page.pieces) if not is_sure(piece)]
        tried = sorted(unsure, key=lambda at: -page.crops[at].shape[1])[:TRIED_LINES]
        turned = page.turned_half()
        upright, upside_down = (self._sureness(each, tried) for each in (page, turned))
        if upside_down > upright:
            page = turned
        is_thai_page = max(upright, upside_down) >= MIN_CONFIDENCE * len(tried)
        pieces = list(page.pieces)
        for at in range(len(pieces)) if is_thai_page else unsure:
            text, sure = self._line(page.crops[at])
            if _is_thai(text) and sure >= MIN_CONFIDENCE:
                pieces[at] = Piece(text, sure, pieces[at].corners)
        return replace(page, pieces=tuple(pieces))

    def _sureness(self, page: Page, lines: Sequence[int]) -> float:
        """Return how surely some lines are Thai."""
        read = (self._line(page.crops[at]) for at in lines)
        return sum(sure for text, sure in read if _is_thai(text))

    def _line(self, crop: Pixels) -> tuple[str, float]:
        """Return the text of a line and the confidence in it."""
        grey = ImageOps.autocontrast(Image.fromarray(crop.mean(axis=2).astype(np.uint8)), cutoff=1)
        paper = int(np.median(np.asarray(grey)))
        self._engine.SetImage(ImageOps.expand(grey, MARGIN_PIXELS, paper))
        text = _SARA_AM.sub("\\1\u0e33", self._engine.GetUTF8Text().strip())
        sure = self._engine.MeanTextConf() / 100
        self._engine.Clear()
        return text, sure


def _is_thai(text: str) -> bool:
    letters = [character for character in text if character.isalnum()]
    thai = sum("\u0e00" <= character <= "\u0e7f" for character in letters)
    return bool(letters) and thai >= THAI_SHARE * len(letters)
