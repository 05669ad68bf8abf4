"""Puts recognised pieces of text into the order in which a person reads them.

A page is cut recursively, as in Nagy and Seth's XY cut (Hierarchical representation of optically
scanned documents, ICPR 1984): between columns of running text first, then at the largest gap from
top to bottom. What is left is read row by row, so that a table's cells stay in their lines.
"""

import itertools
import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Corners = tuple[tuple[float, float], ...]
"""Of a piece of text: upper left, upper right, lower right, lower left; in pixels."""

GUTTER_HEIGHTS = 0.8
"""Width of the gap between two columns, in heights of a line."""
COLUMN_ROWS = 4
COLUMN_FILL = 0.6
"""A column of running text has as many rows; its median line fills so much of its width."""
BLOCK_GAP_HEIGHTS = 1.2
"""A gap from top to bottom at which a page may be cut, in heights of a line."""
ROW_OVERLAP = 0.5
"""Share of the lower height by which pieces of one row overlap."""
CELL_GAP_HEIGHTS = 1.5
"""Between two pieces of a row that are cells of a table, rather than words."""
CELL_SEPARATOR = " | "
MAX_DEPTH = 40


@dataclass(frozen=True, slots=True)
class Piece:
    """Text recognised in one place; `confidence` from 0 to 1."""

    text: str
    confidence: float
    corners: Corners


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it is read; `confidence` is the mean of its characters'."""

    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class _Box:
    left: float
    top: float
    right: float
    bottom: float
    piece: Piece

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def width(self) -> float:
        return self.right - self.left


def lines_in_order(pieces: Sequence[Piece]) -> list[Line]:
    """Return the lines of a page that stands upright, but may be skewed by some degrees."""
    angle = _skew(pieces)
    boxes = [_straightened(piece, angle) for piece in pieces if piece.text.strip()]
    if not boxes:
        return []
    height = statistics.median(box.height for box in boxes)
    return [_line(row, height) for block in _blocks(boxes, height, 0) for row in _rows(block)]


def _skew(pieces: Sequence[Piece]) -> float:
    """Return the angle of the page's lines in radians: the median, weighted by their length."""
    angles = sorted(
        (math.atan2(right[1] - left[1], right[0] - left[0]), math.dist(left, right))
        for left, right in (piece.corners[:2] for piece in pieces)
    )
    half = sum(length for _, length in angles) / 2
    for angle, length in angles:
        half -= length
        if half <= 0:
            return angle
    return 0.0


def _straightened(piece: Piece, angle: float) -> _Box:
    cos, sin = math.cos(angle), math.sin(angle)
    turned = [(x * cos + y * sin, y * cos - x * sin) for x, y in piece.corners]
    (_, y0), (_, y1), (_, y2), (_, y3) = turned
    return _Box(
        left=min(x for x, _ in turned),
        top=(y0 + y1) / 2,
        right=max(x for x, _ in turned),
        bottom=(y2 + y3) / 2,
        piece=piece,
    )


def _blocks(boxes: list[_Box], height: float, depth: int) -> Iterator[list[_Box]]:
    """Yield the blocks of a page in their order."""
    parts = (_columns(boxes, height) or _stacked(boxes, height)) if depth < MAX_DEPTH else None
    if parts is None:
        yield boxes
        return
    for part in parts:
        yield from _blocks(part, height, depth + 1)


def _columns(boxes: list[_Box], height: float) -> tuple[list[_Box], list[_Box]] | None:
    """Return what is left and right of the widest gutter between columns of running text."""
    for gap, left, right in _splits(boxes, "left", "right"):
        if gap < GUTTER_HEIGHTS * height:
            return None
        if _is_running(left) and _is_running(right):
            return left, right
    return None


def _stacked(boxes: list[_Box], height: float) -> tuple[list[_Box], list[_Box]] | None:
    """Return what is above and below the largest gap from top to bottom."""
    for gap, above, below in _splits(boxes, "top", "bottom"):
        return (above, below) if gap >= BLOCK_GAP_HEIGHTS * height else None
    return None


def _splits(boxes: list[_Box], start: str, end: str) -> list[tuple[float, list[_Box], list[_Box]]]:
    """Return the gaps that no box crosses, the widest first, with the boxes on either side."""
    ordered = sorted(boxes, key=lambda box: getattr(box, start))
    reach = -math.inf
    found = []
    for number, box in enumerate(ordered):
        begin = getattr(box, start)
        if number and begin > reach:
            found.append((begin - reach, ordered[:number], ordered[number:]))
        reach = max(reach, getattr(box, end))
    return sorted(found, key=lambda split: -split[0])


def _is_running(boxes: list[_Box]) -> bool:
    """Whether boxes form a column of running text, rather than cells or a block of addresses."""
    rows = _rows(boxes)
    if len(rows) < COLUMN_ROWS:
        return False
    width = max(box.right for box in boxes) - min(box.left for box in boxes)
    filled = statistics.median(sum(box.width for box in row) for row in rows)
    return filled >= COLUMN_FILL * width and _characters(rows) >= MIN_COLUMN_CHARACTERS


MIN_COLUMN_CHARACTERS = 16
"""In the median row of a column: cells of numbers and names are shorter."""


def _characters(rows: list[list[_Box]]) -> float:
    """Return how long the median row is, a Chinese character counted as two."""
    return statistics.median(
        sum(1 + (character > "\u2e7f") for box in row for character in box.piece.text)
        for row in rows
    )


def _rows(boxes: list[_Box]) -> list[list[_Box]]:
    """Return the rows from top to bottom, each from left to right."""
    rows: list[list[_Box]] = []
    for box in sorted(boxes, key=lambda box: box.top + box.bottom):
        row = rows[-1] if rows else []
        if row and _in_row(box, row[-1]) and not any(_overlaps(box, other) for other in row):
            row.append(box)
        else:
            rows.append([box])
    return [sorted(row, key=lambda box: box.left) for row in rows]


def _in_row(box: _Box, other: _Box) -> bool:
    common = min(box.bottom, other.bottom) - max(box.top, other.top)
    return common >= ROW_OVERLAP * min(box.height, other.height)


def _overlaps(box: _Box, other: _Box) -> bool:
    """Whether two boxes stand above each other."""
    common = min(box.right, other.right) - max(box.left, other.left)
    return common > ROW_OVERLAP * min(box.width, other.width)


def _line(row: list[_Box], height: float) -> Line:
    text = row[0].piece.text.strip()
    for before, box in itertools.pairwise(row):
        is_cell = box.left - before.right > CELL_GAP_HEIGHTS * height
        text += (CELL_SEPARATOR if is_cell else " ") + box.piece.text.strip()
    sizes = [len(box.piece.text) for box in row]
    sure = sum(box.piece.confidence * size for box, size in zip(row, sizes, strict=True))
    return Line(text, sure / max(1, sum(sizes)))
