"""The end of an answer that is not shown yet: how much of it can no longer change its meaning.

An answer arrives in pieces of a few characters, so each word is found and looked at once, however
long it waits; only the last few are then weighed again with every piece.
"""

import re
from bisect import bisect_left
from operator import itemgetter
from typing import NamedTuple

from ai_core.answering.addresses import before_link, open_link

_LOOKAHEAD_WORDS = 6  # "du code de la sécurité sociale" decides what a number before it means
_LOOKAHEAD_CHARS = 200
_LONGEST_WORD_CHARS = 4_000  # an address: RFC 9110 asks for 8,000 octets, nobody writes them
_BLANK = re.compile(r"\s")
_WORD = re.compile(r"\S+")
_NUMBERLIKE = re.compile(r"\d|(?:^|\W)(?:[lrda]\*?\.?|art(?:icle)?s?\.?)\W*$", re.IGNORECASE)


class _Word(NamedTuple):
    """A word that nothing can be added to; places count from the beginning of the answer."""

    start: int
    stop: int
    numberlike: bool


_START = itemgetter(0)


class PendingText:
    """Text that grows at its end and is taken from its beginning."""

    def __init__(self) -> None:
        self.text = ""
        self._taken = 0
        self._read = 0
        self._words: list[_Word] = []

    def append(self, text: str) -> None:
        """Add the next piece."""
        self.text += text

    def take(self, stop: int) -> str:
        """Remove the first `stop` characters and return them."""
        taken, self.text = self.text[:stop], self.text[stop:]
        self._taken += stop
        words = self._words
        gone = bisect_left(words, self._taken, key=_START)
        if gone and words[gone - 1].stop > self._taken:  # its rest is another word
            gone = len(words)
        del words[:gone]
        self._read = words[-1].stop if words else self._taken
        return taken

    def settled_words(self) -> int:
        """Return the start of the tail that may still become a reference, a marker or a link."""
        self._read_words()
        text, link = self.text, open_link(self.text)
        if link is not None:
            text = text[:link]
        words = self._last_words(text)
        cut = nearest = len(words)
        for at in range(len(words) - 1, -1, -1):
            if nearest - at > _LOOKAHEAD_WORDS:
                break
            if words[at].numberlike:
                cut = nearest = at
        if cut < len(words):
            return before_link(text, words[cut].start - self._taken)
        if link is not None:
            return len(text)
        if not words:
            return len(text) if len(text) > _LONGEST_WORD_CHARS else 0
        return before_link(text, words[-1].stop - self._taken)

    def _read_words(self) -> None:
        """Look at the words completed since the last time."""
        text, taken = self.text, self._taken
        for word in _WORD.finditer(text, self._read - taken):
            if word.end() == len(text):
                return
            numberlike = _NUMBERLIKE.search(word[0]) is not None
            self._words.append(_Word(word.start() + taken, word.end() + taken, numberlike))
            self._read = word.end() + taken

    def _last_words(self, text: str) -> list[_Word]:
        """Return the words that begin in the text's last characters."""
        start = len(text) - _LOOKAHEAD_CHARS
        blank = _BLANK.search(text, start) if start > 0 else None
        first = bisect_left(self._words, self._taken + (blank.start() if blank else 0), key=_START)
        stop = bisect_left(self._words, self._taken + len(text), key=_START)
        return self._words[first:stop]
