"""Text with entities in WhatsApp's own markup: *bold*, _italic_, ~strike~, `code`, > quotation.

WhatsApp has no way to escape a mark, and publishes no grammar. So a style is written only where no
reading of it can fail, and left out elsewhere; and what stands literally in a text and might be
read as a pair of marks (`1/4*2000*10`) is shown as code, inside of which nothing is a mark. What a
person sees is the text, character by character; only a backtick, and a line that begins as a
quotation, cannot be helped.
https://faq.whatsapp.com/539178204879377 (how to format your messages)
"""

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from telegram_service.channels.message import Entity

MARKS = {"bold": "*", "italic": "_", "strikethrough": "~"}
CODE, QUOTE = "`", "> "
_LITERAL = re.compile(r"[*_~]")
_ADDRESS = re.compile(r"https?://\S+")
_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class _Span:
    """An entity between two indices of the text."""

    type: str
    start: int
    end: int
    url: str


def marked_up(text: str, entities: Sequence[Entity]) -> str:
    """Return a text in WhatsApp's markup; a link's address stands after its words."""
    spans = _spans(text, entities)
    breaks = [index for index, character in enumerate(text) if character == "\n"]
    edges = {edge for span in spans for edge in (span.start, span.end)}
    cuts = sorted({0, len(text), *breaks, *edges})
    lines = [_Line.of(line) for line in text.split("\n")]
    pieces, line = [], 0
    for start, end in itertools.pairwise(cuts):
        line += start in breaks
        inside = [span for span in spans if span.start <= start and end <= span.end]
        around = (text[max(0, start - 1) : start], text[end : end + 1])
        pieces.append(_piece(text[start:end], inside, around, lines[line]))
        pieces += [f" ({span.url})" for span in inside if _address_follows(span, end, text)]
    return _quoted("".join(pieces), text, spans)


def _spans(text: str, entities: Sequence[Entity]) -> list[_Span]:
    """Return entities, whose offsets are in UTF-16 units, by indices of the text."""
    units = itertools.accumulate((2 if each > "\uffff" else 1 for each in text), initial=0)
    index_of = {offset: index for index, offset in enumerate(units)}
    return [
        _Span(each.type, index_of[each.offset], index_of[each.offset + each.length], each.url or "")
        for each in entities
        if each.offset in index_of and each.offset + each.length in index_of
    ]


@dataclass(frozen=True)
class _Line:
    """The marks that stand literally in a line, outside addresses: once, and twice or more."""

    single: frozenset[str]
    doubled: frozenset[str]

    @classmethod
    def of(cls, line: str) -> "_Line":
        if CODE in line:
            return cls(frozenset(MARKS.values()), frozenset())
        counts = Counter(_LITERAL.findall(_ADDRESS.sub("", line)))
        return cls(frozenset(counts), frozenset(m for m, count in counts.items() if count > 1))


def _address_follows(span: _Span, end: int, text: str) -> bool:
    if span.type != "text_link" or not span.url or span.end != end:
        return False
    return span.url.rstrip("/") != text[span.start : span.end].rstrip("/")


def _piece(text: str, inside: Sequence[_Span], around: tuple[str, str], line: _Line) -> str:
    """Return a stretch of one line, with the same entities throughout."""
    types = {each.type for each in inside}
    if types & {"code", "pre"}:
        content = text.strip()
        return text.replace(content, f"{CODE}{content}{CODE}") if _may_be_code(content) else text
    marks = [m for style, m in MARKS.items() if style in types and m not in line.single]
    content = _without_pairs(text.strip(), line.doubled)
    if not content or any(side.isalnum() or side in MARKS.values() for side in around):
        marks = []
    head, tail = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    opening = "".join(marks)
    return f"{head}{opening}{content}{opening[::-1]}{tail}" if content else text


def _may_be_code(content: str) -> bool:
    return bool(content) and CODE not in content


def _without_pairs(text: str, doubled: frozenset[str]) -> str:
    """Return a text whose words with a mark that might be half of a pair are shown as code."""

    def shown(found: re.Match[str]) -> str:
        word = found[0]
        exposed = doubled & set(word) and not _ADDRESS.search(word)
        return f"{CODE}{word}{CODE}" if exposed and _may_be_code(word) else word

    return _WORD.sub(shown, text)


def _quoted(marked: str, text: str, spans: Sequence[_Span]) -> str:
    """Return the text with its quoted lines marked; its line breaks are the plain text's."""
    lines = marked.split("\n")
    for span in spans:
        if span.type == "blockquote":
            first = text[: span.start].count("\n")
            last = first + text[span.start : span.end].rstrip("\n").count("\n")
            for number in range(first, last + 1):
                if lines[number].strip():
                    lines[number] = QUOTE + lines[number]
    return "\n".join(lines)
