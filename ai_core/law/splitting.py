"""Splits long texts into pieces short enough to rank and to quote.

A piece is a span of the text it comes from, never a rewording: pieces follow each other, and
together they cover the text but for the white space between them.
"""

import re

PIECE_CHARS = 2_000
"""Longest piece; 4 % of the articles are longer and are cut."""

_LINE_END = re.compile(r"\n")
_SENTENCE_END = re.compile(r"[.;:!?»]\s")
_WORD_END = re.compile(r"\s")


def _cut(text: str, start: int, longest: int) -> int:
    """Find where the piece from `start` ends: the last line, sentence or word end that fits."""
    limit = start + longest
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
