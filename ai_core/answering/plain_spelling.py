"""Reads what a model spells with several characters as the one that readers see.

Programs that show Markdown turn "&#46;" into a full stop and "&laquo;" into a quotation mark, and
readers take "<<" for one: whoever checks an answer has to see the same.
"""

import html
import re

_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", re.IGNORECASE)
_OPENING = {"<<": ("«", ">>", "»"), "``": ("“", "''", "”")}
"""Typed marks: what they stand for, the mark that closes them, and what that one stands for."""
_SOME = re.compile(r"[&<>`']")
_MARK = re.compile(r"(?<!<)<<(?!<)|(?<!>)>>(?!>)|(?<!`)``(?!`)|(?<!')''(?!')")
_UNFINISHED = re.compile(r"(?:&#?[a-z0-9]{0,32}|<+|>+|`+|'+)\Z", re.IGNORECASE)
_LONGEST_UNFINISHED = 40


class PlainSpelling:
    """Reads an answer chunk by chunk; holds back what the next chunk may complete."""

    def __init__(self) -> None:
        self._held = ""
        self._closing = ("", "")

    def feed(self, text: str) -> str:
        """Take the next text; return what is known of it by now."""
        if not self._held and not _SOME.search(text):
            return text
        text = _entities_read(self._held + text)
        unfinished = _UNFINISHED.search(text, max(0, len(text) - _LONGEST_UNFINISHED))
        stop = unfinished.start() if unfinished else len(text)
        self._held = text[stop:]
        return _MARK.sub(self._mark, text[:stop])

    def finish(self) -> str:
        """Return what was held back."""
        held, self._held = self._held, ""
        return _MARK.sub(self._mark, _entities_read(held))

    def _mark(self, mark: re.Match[str]) -> str:
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
