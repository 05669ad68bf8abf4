"""From the Markdown of an answer to markup: paragraphs, lists, quotes, bold, markers and addresses.

Nothing in it can make another element: HTML in the text is shown as it was written, and an address
is a link only where the service vouches for it.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup, escape

from shared.ai.contract import AnswerSection, ChatReply

_INLINE = ("autolink", "backticks", "entity", "escape", "html_inline", "image", "link")
_BLOCKS = ("code", "fence", "hr", "html_block", "lheading", "reference")
_ADDRESS = r"https?://[^\s<>\"«»()]+[^\s<>\"«»().,;:!?]"
_SPAN = re.compile(rf"\[(\d{{1,2}})\]|({_ADDRESS})")


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True})
    parser.disable([*_INLINE, *_BLOCKS])
    parser.add_render_rule("text", _text)
    parser.add_render_rule("heading_open", lambda *_: '<p class="heading">')
    parser.add_render_rule("heading_close", lambda *_: "</p>\n")
    return parser


def _text(
    _renderer: object, tokens: Sequence[Token], at: int, _options: object, env: dict[str, Any]
) -> str:
    """Render a text: [1] as a link to the source of that number, known addresses as links."""
    return Markup().join(_spans(tokens[at].content, env))


def _spans(text: str, env: dict[str, Any]) -> Iterator[Markup]:
    end = 0
    for found in _SPAN.finditer(text):
        link = _link(found, env)
        if link is None:
            continue
        before = text[end : found.start()]
        yield escape(before.rstrip(" ") if found[1] else before)
        yield link
        end = found.end()
    yield escape(text[end:])


def _link(found: re.Match[str], env: dict[str, Any]) -> Markup | None:
    if found[1]:
        label = env["labels"].get(int(found[1]))
        link = Markup('<a class="marker" href="#source-{}" aria-label="{}">{}</a>')
        return None if label is None else link.format(found[1], label, found[1])
    if found[2] not in env["addresses"]:
        return None
    shown = found[2].partition("://")[2].partition("/")[0].removeprefix("www.")
    link = Markup('<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>')
    return link.format(found[2], shown)


PARSER = _parser()


class AnswerMarkup:
    """Writes the texts of one answer; `labels` name its sources by number."""

    def __init__(self, reply: ChatReply, labels: dict[int, str]) -> None:
        self._env = {"labels": labels, "addresses": vouched(reply)}

    def of(self, text: str) -> Markup:
        """Return a text as markup."""
        rendered: str = PARSER.render(text, self._env)
        return Markup(rendered)  # noqa: S704 - the renderer escapes every text


def vouched(reply: ChatReply) -> frozenset[str]:
    """Return the addresses that code, and no model, put into an answer."""
    helping = [one for one in reply.sections if one.kind == "help"]
    contact = [reply.abstained.contact.url] if reply.abstained else []
    return frozenset([*(one.url for one in reply.citations), *contact, *_addresses(helping)])


def _addresses(sections: Sequence[AnswerSection]) -> list[str]:
    return [address for one in sections for address in re.findall(_ADDRESS, one.text)]
