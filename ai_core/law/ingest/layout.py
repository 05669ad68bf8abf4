"""Converts the publisher's HTML to plain text, preserving line and cell breaks.

The publisher gives each article twice: as HTML, and flattened into one line. `laid_out` puts the
line breaks of the first back into the words of the second, so that quotes stay verbatim: only white
space differs. Table cells are separated by a tab, rows by a newline. Scripts, styles and drawings
are dropped; links keep their text only.
"""

import html
import re

_SILENT = re.compile(
    r"<(script|style|svg|iframe|noscript)\b.*?</\1\s*>|<!--.*?-->", re.DOTALL | re.IGNORECASE
)
_TAG = re.compile(r"</?([a-zA-Z][a-zA-Z0-9]*)\b[^>]*>")
_BLOCK = re.compile(
    r"address|article|blockquote|br|caption|center|dd|div|dl|dt|figcaption|figure|h[1-6r]|li|ol|p"
    r"|pre|section|table|tbody|tfoot|thead|tr|ul"
)
_CELL = re.compile(r"td|th")
_ROW = re.compile(r"tr|table|tbody|thead|tfoot|caption")
_SHOWN = re.compile(
    r"b|br|caption|em|i|li|ol|p|strong|sub|sup|table|tbody|td|tfoot|th|thead|tr|u|ul"
)
_SPAN = re.compile(r"\b(colspan|rowspan)\s*=\s*[\"']?(\d{1,3})", re.IGNORECASE)


def _segments(markup: str) -> list[tuple[str, str]]:
    """Split at the tags that separate words: (words before it, "\\n", "\\t" or, in a cell, " ")."""
    markup = _SILENT.sub(" ", markup)
    segments: list[tuple[str, str]] = []
    words: list[str] = []
    at, in_cell = 0, False
    for tag in _TAG.finditer(markup):
        name, closing = tag[1].lower(), tag[0].startswith("</")
        words.append(markup[at : tag.start()])
        at = tag.end()
        if _CELL.fullmatch(name):
            in_cell, end = not closing, "\t" if closing else " "
        elif _BLOCK.fullmatch(name):
            in_cell = in_cell and not _ROW.fullmatch(name)
            end = " " if in_cell else "\n"
        else:
            continue
        segments.append((html.unescape("".join(words)), end))
        words = []
    segments.append((html.unescape("".join([*words, markup[at:]])), "\n"))
    return segments


def _gap(ends: str) -> str:
    """Reduce the breaks between two words to the strongest; empty cells keep their tab."""
    if "\n" in ends:
        return "\n" + "\t" * ends.rpartition("\n")[2].count("\t")
    return "\t" * ends.count("\t") or " "


def text_of_html(markup: str) -> str:
    """Turn HTML into text: one line per paragraph, list item or table row."""
    parts: list[str] = []
    ends = ""
    for segment, end in _segments(markup):
        words = " ".join(segment.replace("\0", "").split())
        if words:
            parts += [_gap(ends), words] if parts else [words]
            ends = ""
        ends += end
    return "".join(parts)


def laid_out(flat: str, markup: str) -> str:
    """Insert the line and cell breaks of `markup` into `flat`, or none where the two differ."""
    words = flat.replace("\0", "").split()
    ends: dict[int, str] = {}
    length = 0
    for segment, end in _segments(markup):
        length += len("".join(segment.split()))
        ends[length] = ends.get(length, "") + end
    if length != sum(map(len, words)):
        return " ".join(words)
    parts: list[str] = []
    length = 0
    for word in words:
        if length:
            parts.append(_gap(ends.get(length, "")))
        parts.append(word)
        length += len(word)
    return "".join(parts)


def table_markup(markup: str) -> str | None:
    """Return the HTML reduced to tables and plain emphasis, or None where it has no table.

    Attributes go, except a cell's span, so the result is safe to show in a page.
    """
    if "<table" not in markup.lower():
        return None

    def keep(tag: re.Match[str]) -> str:
        name = tag[1].lower()
        if not _SHOWN.fullmatch(name):
            return ""
        if tag[0].startswith("</"):
            return f"</{name}>"
        spans = "".join(f' {which.lower()}="{n}"' for which, n in _SPAN.findall(tag[0]))
        return f"<{name}{spans if _CELL.fullmatch(name) else ''}>"

    kept: list[str] = []
    at = 0
    markup = _SILENT.sub(" ", markup)
    for tag in _TAG.finditer(markup):
        kept += [html.escape(html.unescape(markup[at : tag.start()]), quote=False), keep(tag)]
        at = tag.end()
    return "".join([*kept, html.escape(html.unescape(markup[at:]), quote=False)])
