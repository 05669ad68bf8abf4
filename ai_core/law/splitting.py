"""Splits long texts into pieces short enough to rank and to quote.

A piece is a span of the text it comes from, never a rewording: pieces follow each other, and
together they cover the text but for the white space between them. A table is a run of lines that
hold tabs: it is kept whole where it fits, and a piece that begins inside one has its first row as
`table_header`, without which its rows mean nothing.
"""

import re

PIECE_CHARS = 2_000
"""Longest piece; 4 % of the articles are longer and are cut."""

_LINE_END = re.compile(r"\n")
_SENTENCE_END = re.compile(r"[.;:!?»]\s")
_WORD_END = re.compile(r"\s")
_ITEM = re.compile(r"\s*(?:\d{1,2}\s?[°.)]|[a-z]{1,2}\)|[-–—•*●▪]|[a-zà-ÿ])")
"""The beginning of an item of a list, or of a line in mid sentence."""


def table_header(text: str, start: int) -> str:
    """Return the first row of the table that a piece from `start` begins inside of, or nothing."""
    first = text.rfind("\n", 0, start) + 1
    if "\t" not in _line(text, first):
        return ""
    top = first
    while top and "\t" in (row := text[text.rfind("\n", 0, top - 1) + 1 : top]):
        top -= len(row)
    return _line(text, top) if top < first else ""


def _line(text: str, start: int) -> str:
    end = text.find("\n", start)
    return text[start:] if end < 0 else text[start:end]


def _inside_table(text: str, end: int) -> bool:
    """Whether the lines before and after a line end are rows of one table."""
    before = text[text.rfind("\n", 0, end - 1) + 1 : end]
    return "\t" in before and "\t" in _line(text, end)


def _inside_list(text: str, end: int) -> bool:
    """Whether a line end comes after the introduction of a list, or between two items."""
    return (
        text[max(0, end - 4) : end].rstrip()[-1:] in {":", ";", ","}
        or _ITEM.match(text, end) is not None
    )


def _inside(text: str, end: int) -> bool:
    return _inside_table(text, end) or _inside_list(text, end)


def _cut(text: str, start: int, longest: int) -> int:
    """Find where the piece from `start` ends: the last line, sentence or word end that fits.

    The end of a line between two rows of a table, or inside a list, counts only where there is no
    other: rows and items would lose what introduces them.
    """
    limit = start + longest
    lines = [m.start() + 1 for m in _LINE_END.finditer(text, start + longest // 8, limit)]
    whole = [end for end in lines if not _inside(text, end)]
    if whole and _inside(text, lines[-1]):
        return whole[-1]
    for boundary, least in ((_LINE_END, longest // 3), (_SENTENCE_END, longest // 3)):
        ends = [m.start() + 1 for m in boundary.finditer(text, start + least, limit)]
        if ends:
            return ends[-1]
    ends = [m.start() for m in _WORD_END.finditer(text, start + 1, limit)]
    return ends[-1] if ends else limit


def split(text: str, longest: int = PIECE_CHARS) -> tuple[tuple[int, int], ...]:
    """Cut `text` into (start, stop) spans of at most `longest` characters, blank edges left out."""
    spans: list[tuple[int, int]] = []
    start, end = 0, len(text.rstrip())
    while start < end:
        if text[start].isspace():
            start += 1
            continue
        stop = end if end - start <= longest else _cut(text, start, longest)
        spans.append((start, start + len(text[start:stop].rstrip())))
        start = stop
    return tuple(spans)
