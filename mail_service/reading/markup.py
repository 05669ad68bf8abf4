"""HTML mail into text: what a person sees, apart from what only a machine would read.

Hidden text (display:none, no size, the colour of its ground…) is a way to instruct a model behind
the reader's back: it is cut from the text and reported. Styles that arrive through a style sheet
are not computed; a class that hides is not seen.
"""

import re
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

from mail_service.reading.charset import clean

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
    r"|font-size:0*(\.\d+)?[0-1]?(px|pt|em|rem|%)?(;|$)|(^|;)(max-)?(height|width):0(px)?(;|$)"
    r"|text-indent:-\d{3,}|(left|top):-\d{3,}"
)
COLOUR = re.compile(r"(?:^|;)color:([^;]+)")
GROUND = re.compile(r"background(?:-color)?:([^;]+)")
WHITES = {"white", "#fff", "#ffffff", "rgb(255,255,255)", "transparent"}
QUOTES = (  # where each client puts what it quotes: read in mails each of them sent
    "div.gmail_quote, blockquote.gmail_quote, div.gmail_extra, div.gmail_attr",
    "blockquote[type=cite], div.moz-cite-prefix, div.moz-forward-container",
    "#appendonsend, #appendonsend ~ *, #divRplyFwdMsg, #divRplyFwdMsg ~ *",
    "#mail-editor-reference-message-container, #OLK_SRC_BODY_SECTION",
    "div.yahoo_quoted, div.protonmail_quote, blockquote.protonmail_quote",
    "div.ms-outlook-mobile-reference-message, blockquote[type=Cite]",
    "div.zimbra-quote, hr[data-marker=__DIVIDER__], hr[data-marker=__DIVIDER__] ~ *",
    "#oriMsgHtmlSeperator, div.cloudHQ__gmail_quote, #yiv_quoted, .ik-quote, blockquote.ik-cite",
    "div[name=messageReplySection], div[name=messageHeaderSection]",
)
SIGNATURES = (
    "div.gmail_signature, div.gmail_signature_prefix, .moz-signature, #Signature",
    "#ms-outlook-mobile-signature, div.protonmail_signature_block, div[data-marker=__SIG_PRE__]",
    "div[name=messageSignatureSection]",
)
BLOCKS = re.compile(
    r"p|div|br|tr|table|ul|ol|li|h[1-6]|blockquote|pre|hr|section|article|header|footer|address"
    r"|dl|dt|dd|center|form|fieldset"
)
WIDE = re.compile(r"p|table|ul|ol|h[1-6]|blockquote|pre")


@dataclass(frozen=True, slots=True)
class Page:
    """The texts of an HTML body: `reply` is `text` without quoted mail and signatures."""

    text: str
    reply: str
    hidden: str


def read_html(html: str) -> Page:
    """Return the texts of `html`; whatever it is, something comes back."""
    html = html[:MAX_HTML_CHARACTERS]
    if _depth(html) > MAX_DEPTH:
        html = TAG.sub(" ", html)
    tree = LexborHTMLParser(html)
    tree.strip_tags([name.strip() for name in SILENT.split(",")])
    hidden = _take_hidden(tree)
    text = _text(tree.body)
    for selector in (*QUOTES, *SIGNATURES):
        for node in tree.css(selector):
            node.decompose()
    return Page(text=text, reply=_text(tree.body), hidden=hidden)


def _depth(html: str) -> int:
    """Return how deep elements may be nested at most, counted without parsing."""
    depth = deepest = 0
    for tag in TAG.finditer(html):
        depth = max(0, depth - 1) if tag[1] else depth + (VOID.match(tag[0]) is None)
        deepest = max(deepest, depth)
    return deepest


def _take_hidden(tree: LexborHTMLParser) -> str:
    """Remove hidden elements from the tree; return what they said."""
    taken: list[str] = []
    for node in tree.css("[style], [hidden], font[color], font[size]"):
        if _is_hidden(node):
            said = " ".join(clean(node.text(separator=" ")).split())
            if said:
                taken.append(said)
            node.decompose()
    return "\n".join(dict.fromkeys(taken))


def _is_hidden(node: LexborNode) -> bool:
    attributes = node.attributes
    style = re.sub(r"\s+|!important", "", (attributes.get("style") or "").lower())
    if "hidden" in attributes or HIDING.search(style):
        return True
    colour = COLOUR.search(style)
    tint = colour[1] if colour else (attributes.get("color") or "").lower()
    if not tint:
        return False
    ground = GROUND.search(style)
    return tint == ground[1] if ground else tint in WHITES and not _has_ground(node)


def _has_ground(node: LexborNode) -> bool:
    """Tell whether an ancestor paints a ground, on which white text may be meant to be read."""
    parent = node.parent
    while parent is not None:
        attributes = parent.attributes
        if attributes.get("bgcolor") or GROUND.search((attributes.get("style") or "").lower()):
            return True
        parent = parent.parent
    return False


def _text(body: LexborNode | None) -> str:
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
