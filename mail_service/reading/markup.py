"""The texts of an HTML mail: what was written now, apart from quoted mail and signatures."""

from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser

from shared.privacy.html_text import parse_html, visible_text

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
    ".gmail_signature, .gmail_signature_prefix, .moz-signature, #Signature",
    "#ms-outlook-mobile-signature, div.protonmail_signature_block, div[data-marker=__SIG_PRE__]",
    "div[name=messageSignatureSection]",
)


@dataclass(frozen=True, slots=True)
class Page:
    """The texts of an HTML body: `unsigned` is `text` without signatures, `reply` also without
    quoted mail.
    """

    text: str
    unsigned: str
    reply: str
    hidden: str


def read_html(html: str) -> Page:
    """Return the texts of `html`; never raises for its content."""
    tree, hidden = parse_html(html)
    text = visible_text(tree.body)
    _remove(tree, SIGNATURES)
    unsigned = visible_text(tree.body)
    _remove(tree, QUOTES)
    return Page(text=text, unsigned=unsigned, reply=visible_text(tree.body), hidden=hidden)


def _remove(tree: LexborHTMLParser, selectors: tuple[str, ...]) -> None:
    for selector in selectors:
        for node in tree.css(selector):
            node.decompose()
