"""Extracts the visible text of an HTML document, and separately its hidden text.

Hidden text (display:none, no size, the colour of its background…) is a vector of prompt injection:
it is removed from the text and reported. Style sheets are not evaluated; text hidden by a class is
not detected.
"""

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

from shared.privacy.charset import clean

MAX_HTML_CHARACTERS = 2_000_000
MAX_DEPTH = 2_000
"""The parser's time grows with the square of the depth; beyond this only the words are kept."""
TAG = re.compile(r"<(/?)[a-zA-Z][^<>]*>")
VOID = re.compile(
    r"<(area|base|br|col|embed|hr|img|input|link|meta|o:p|p|li|td|tr|source|wbr)\b|.*/>$",
    re.IGNORECASE | re.DOTALL,
)
SILENT = "head, script, style, template, noscript, iframe, object, svg, title, meta, link"
HIDING = re.compile(
    r"display:none|visibility:hidden|mso-hide:all|opacity:0(\.0+)?(;|$)"
    r"|(^|;)(max-)?(height|width):0(px)?(;|$)"
    r"|text-indent:-\d{3,}|(left|top):-\d{3,}"
)
FONT_SIZE = re.compile(r"(?:^|;)font(?:-size)?:(?:[^;]* )?(\d*\.?\d+)(px|pt|r?em|ex|ch|vw|vh|%|)")
SMALLEST_READ = {
    "": 1.01, "px": 1.01, "pt": 1.01, "em": 0.11, "rem": 0.11, "ex": 0.21, "ch": 0.21, "%": 10.1,
    "vw": 0.11, "vh": 0.11,
}  # fmt: skip
"""By unit, the smallest font that a person may still see; a unit-less size is one of pixels."""
COLOUR = re.compile(r"(?:^|;)color:([^;]+)")
GROUND = re.compile(r"background(?:-color)?:([^;]+)")
WHITES = {"white", "#fff", "#ffffff", "rgb(255,255,255)", "transparent"}
BLOCKS = re.compile(
    r"p|div|br|tr|table|ul|ol|li|h[1-6]|blockquote|pre|hr|section|article|header|footer|address"
    r"|dl|dt|dd|center|form|fieldset"
)
WIDE = re.compile(r"p|table|ul|ol|h[1-6]|blockquote|pre")


def parse_html(html: str) -> tuple[LexborHTMLParser, str]:
    """Return the tree of `html` without hidden elements, and the hidden text."""
    html = html[:MAX_HTML_CHARACTERS]
    if _depth(html) > MAX_DEPTH:
        html = TAG.sub(" ", html)
    tree = LexborHTMLParser(html)
    tree.strip_tags([name.strip() for name in SILENT.split(",")])
    hidden = _take_hidden(tree)
    return tree, hidden


def _depth(html: str) -> int:
    """Return how deep elements may be nested at most, counted without parsing."""
    depth = deepest = 0
    for tag in TAG.finditer(html):
        depth = max(0, depth - 1) if tag[1] else depth + (VOID.match(tag[0]) is None)
        deepest = max(deepest, depth)
    return deepest


def _take_hidden(tree: LexborHTMLParser) -> str:
    """Remove hidden elements from the tree; return their text."""
    taken: list[str] = []
    for node in tree.css("[style], [hidden], font[color], font[size]"):
        if _is_hidden(node):
            text = " ".join(clean(node.text(separator=" ")).split())
            if text:
                taken.append(text)
            node.decompose()
    return "\n".join(dict.fromkeys(taken))


def _is_hidden(node: LexborNode) -> bool:
    attributes = node.attributes
    style = re.sub(r"\s+|!important", "", (attributes.get("style") or "").lower())
    if "hidden" in attributes or HIDING.search(style) or _is_tiny(style):
        return True
    colour = COLOUR.search(style)
    tint = colour[1] if colour else (attributes.get("color") or "").lower()
    if not tint:
        return False
    ground = GROUND.search(style)
    return tint == ground[1] if ground else tint in WHITES and not _has_ground(node)


def _is_tiny(style: str) -> bool:
    """Whether a style sets a font that nobody can read."""
    size = FONT_SIZE.search(style)
    return size is not None and float(size[1]) < SMALLEST_READ[size[2]]


def _has_ground(node: LexborNode) -> bool:
    """Whether an ancestor sets a background, on which white text may be legible."""
    parent = node.parent
    while parent is not None:
        attributes = parent.attributes
        if attributes.get("bgcolor") or GROUND.search((attributes.get("style") or "").lower()):
            return True
        parent = parent.parent
    return False


def visible_text(body: LexborNode | None) -> str:
    """Return the text below `body`, a line per block, an empty line around paragraphs."""
    if body is None:
        return ""
    pieces: list[str] = []
    for node in body.traverse(include_text=True):
        tag = node.tag
        if tag == "-text":
            pieces.append(re.sub(r"[ \t\r\n]+", " ", node.text(deep=False)))
        elif tag == "td":
            pieces.append(" ")
        elif BLOCKS.fullmatch(tag or ""):
            pieces.append("\n\n" if WIDE.fullmatch(tag or "") else "\n")
            if tag == "li":
                pieces.append("- ")
    lines = (line.strip() for line in clean("".join(pieces)).replace("\xa0", " ").split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
