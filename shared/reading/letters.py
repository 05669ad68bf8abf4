"""Recognises Latin and Chinese letters in a picture, by RapidOCR (the extra [ocr]).

The models are PP-OCRv6's small ones, which the package holds (Apache-2.0;
https://rapidai.github.io/RapidOCRDocs/). Importing onnxruntime starts a thread: only code that runs
once a child is confined imports this module (`scan_child.py`).
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # onnxruntime looks when it is imported
from rapidocr import RapidOCR
from rapidocr.ch_ppocr_det import TextDetOutput
from rapidocr.utils.process_img import get_rotate_crop_image

from shared.reading.layout import Corners, Piece

Pixels = NDArray[np.uint8]
Boxes = NDArray[np.float32]
"""Corners of each box as (box, corner, x and y), clockwise from the upper left one."""

DETECTION_SIDE_PIXELS = 1_280
"""The longer side of a page where boxes are looked for; letters are read at the full size."""
LONGEST_SIDE_PIXELS = 8_000
LOWEST_BOX_PIXELS = 4.0
STANDING = 1.5
"""A box that is so many times as high as wide holds a line that runs up or down."""
VOTES = 12
"""Lines that are asked for the direction of the page, the longest ones."""
CLEAR_VOTE = 0.6
TRIED_LINES = 4
"""Lines read in both directions where the votes are not clear."""
OPTIONS = {
    "Global.log_level": "critical",
    "Global.max_side_len": LONGEST_SIDE_PIXELS,
    "Global.text_score": 0.0,
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    "Det.limit_type": "max",
    "Det.limit_side_len": DETECTION_SIDE_PIXELS,
}
WARM_UP_SHAPE = (64, 64, 3)


@dataclass(frozen=True, slots=True)
class Page:
    """What was recognised on a page: each piece, and its place cut out, upright and straight."""

    pieces: tuple[Piece, ...]
    crops: tuple[Pixels, ...]
    size: tuple[int, int]
    """Width and height of the page in pixels."""

    def turned_half(self) -> "Page":
        """Return the page upside down, as other letters than these may have it."""
        width, height = self.size
        pieces = (
            replace(
                piece, corners=tuple((width - x, height - y) for x, y in _opposite(piece.corners))
            )
            for piece in self.pieces
        )
        return Page(tuple(pieces), tuple(_upside_down(crop) for crop in self.crops), self.size)


class LetterReader:
    """RapidOCR with its models loaded, on one thread."""

    def __init__(self) -> None:
        cv2.setNumThreads(1)
        self._engine = RapidOCR(params=OPTIONS)
        blank = np.full(WARM_UP_SHAPE, 255, np.uint8)
        self._engine(blank, use_det=True, use_cls=False, use_rec=False)
        self._engine(blank, use_det=False, use_cls=True, use_rec=True)

    def read(self, picture: Pixels) -> Page:
        """Return the pieces of text on a page in blue, green and red, whichever way it lies."""
        boxes = self._boxes(picture)
        if _mostly_standing(boxes):
            picture, boxes = _turned_quarter(picture, boxes)
        if len(boxes) and self._is_upside_down(picture, boxes):
            picture, boxes = _turned_half(picture, boxes)
        crops = _crops(picture, boxes)
        texts, scores = self._recognised(crops)
        pieces = (
            Piece(text, float(score), tuple((float(x), float(y)) for x, y in box))
            for text, score, box in zip(texts, scores, boxes, strict=True)
        )
        height, width = picture.shape[:2]
        return Page(tuple(pieces), tuple(crops), (width, height))

    def _boxes(self, picture: Pixels) -> Boxes:
        found = cast(
            TextDetOutput, self._engine(picture, use_det=True, use_cls=False, use_rec=False)
        ).boxes
        if found is None:
            return np.empty((0, 4, 2), np.float32)
        boxes: Boxes = np.asarray(found, np.float32)
        width, height = _sizes(boxes)
        return boxes[(width >= LOWEST_BOX_PIXELS) & (height >= LOWEST_BOX_PIXELS)]

    def _recognised(self, crops: Sequence[Pixels]) -> tuple[Sequence[str], Sequence[float]]:
        if not crops:
            return (), ()
        found = self._engine.recognize_txt(list(crops))
        return found.txts or (), found.scores

    def _is_upside_down(self, picture: Pixels, boxes: Boxes) -> bool:
        """Return what the longest lines say, by their look, or where that is unclear by reading."""
        width, _ = _sizes(boxes)
        crops = _crops(picture, boxes[np.argsort(-width)[:VOTES]])
        _, found = self._engine.cls_and_rotate(list(crops))
        votes = [score if label == "180" else -score for label, score in found.cls_res or ()]
        vote = sum(votes) / max(1, len(votes))
        if abs(vote) >= CLEAR_VOTE:
            return bool(vote > 0)
        tried = crops[:TRIED_LINES]
        upright = self._recognised(tried)[1]
        turned = self._recognised([_upside_down(crop) for crop in tried])[1]
        return sum(turned) > sum(upright)


def _sizes(boxes: Boxes) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the widths and heights of boxes, which may be askew."""
    width = np.linalg.norm(boxes[:, 1] - boxes[:, 0], axis=1)
    height = np.linalg.norm(boxes[:, 3] - boxes[:, 0], axis=1)
    return width.astype(np.float32), height.astype(np.float32)


def _mostly_standing(boxes: Boxes) -> bool:
    width, height = _sizes(boxes)
    standing = height[height >= STANDING * width].sum()
    lying = width[width >= STANDING * height].sum()
    return bool(standing > lying)


def _turned_quarter(picture: Pixels, boxes: Boxes) -> tuple[Pixels, Boxes]:
    """Turn a page counterclockwise."""
    turned = np.stack([boxes[..., 1], picture.shape[1] - boxes[..., 0]], axis=-1)
    return np.ascontiguousarray(np.rot90(picture)), np.roll(turned, -1, axis=1)


def _turned_half(picture: Pixels, boxes: Boxes) -> tuple[Pixels, Boxes]:
    height, width = picture.shape[:2]
    turned = np.array([width, height], np.float32) - boxes
    return _upside_down(picture), np.roll(turned, 2, axis=1)


def _upside_down(picture: Pixels) -> Pixels:
    return np.ascontiguousarray(picture[::-1, ::-1])


def _opposite(corners: Corners) -> Corners:
    return corners[2:] + corners[:2]


def _crops(picture: Pixels, boxes: Boxes) -> list[Pixels]:
    return [get_rotate_crop_image(picture, box.copy()) for box in boxes]
