"""Reads what a model spells with several characters as the one that readers see.

Programs that show Markdown turn "&#46;" into a full stop and "&laquo;" into a quotation mark, and
readers take "<<" for one, and "evil[.]com" for an address: whoever checks an answer has to see the
same. The fences of code blocks go: what stands between them is read like a quotation.
"""

import html
import re

_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", re.IGNORECASE)
_OPENING = {"<<": ("«", ">>", "»"), "``": ("“", "''", "”")}
"""Typed marks: what they stand for, the mark that closes them, and what that one stands for."""
_SOME = re.compile(r"[&<>`'~\[({]| \Z")
_QUOTED = r"q|blockquote"
_MARK = re.compile(
    r"(?<!<)<<(?!<)|(?<!>)>>(?!>)|(?<!`)``(?!`)|(?<!')''(?!')"
    rf"|<(?P<end>/?)(?:{_QUOTED})(?:\s[^<>]{{0,60}})?>"
    r"|(?<=\n)[ \t]{0,3}(?P<fence>`{3,}+|~{3,}+)[^\n`]{0,40}(?:\n|\Z)"
    r"|(?<=[^\W_]) ?[\[({] ?(?P<apart>\.|:(?://)?|/|@|dot|at) ?[\])}] ?(?=[^\W_]|/)"
    r"|(?<=[^\W_])[\[({](?P<word>point|arobase)[\])}](?=[^\W_])",
    re.IGNORECASE,
)
_APART = {"dot": ".", "point": ".", "at": "@", "arobase": "@"}
_UNFINISHED = re.compile(
    r"(?:&#?[a-z0-9]{0,32}|<+|</|</?(?:q|b[a-z]{0,9})(?:\s[^<>]{0,60})?>?|>+|`+|'+"
    r"|(?<=\n)[ \t]{0,3}(?:`+|~+)[^\n`]{0,40}|(?<=\n)[ \t]{1,3}"
    r"| ?[\[({] ?(?:[a-z]{0,7}|\.|:/{0,2}|/|@)(?: ?[\])}] ?)?| )\Z",
    re.IGNORECASE,
)
_LONGEST_UNFINISHED = 80


class PlainSpelling:
    """Reads an answer chunk by chunk; holds back what the next chunk may complete."""

    def __init__(self) -> None:
        self._held = ""
        self._closing = ("", "")
        self._before = "\n"

    def feed(self, text: str) -> str:
        """Take the next text; return what is known of it by now."""
        if not self._held and not _SOME.search(text):
            self._before = text[-1:] or self._before
            return text
        text = self._before + _entities_read(self._held + text)
        unfinished = _UNFINISHED.search(text, max(1, len(text) - _LONGEST_UNFINISHED))
        stop = unfinished.start() if unfinished else len(text)
        self._held = text[stop:]
        return self._read(text[:stop])

    def finish(self) -> str:
        """Return what was held back."""
        held, self._held = self._held, ""
        return self._read(self._before + _entities_read(held))

    def _read(self, text: str) -> str:
        """Return a text without its first character, which was read before."""
        self._before = text[-1]
        return _MARK.sub(self._mark, text)[1:]

    def _mark(self, mark: re.Match[str]) -> str:
        if apart := mark["apart"] or mark["word"]:
            return _APART.get(apart.lower(), apart)
        if mark["fence"]:
            return ""
        if mark["end"] is not None:
            return "»" if mark["end"] else "«"
        if mark[0] in _OPENING:
            plain, *closing = _OPENING[mark[0]]
            self._closing = (closing[0], closing[1])
            return plain
        if mark[0] == self._closing[0]:
            plain, self._closing = self._closing[1], ("", "")
            return plain
        return mark[0]


def _entities_read(text: str) -> str:
    """Return the text with characters for entities of HTML, escaped once or twice."""
    for _ in range(2 if "&" in text else 0):
        text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    return text
