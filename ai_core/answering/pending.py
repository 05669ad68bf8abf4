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
    rank: int


class _Number(NamedTuple):
    """A word that may be part of a reference, and where the first stands that may belong to it.

    Between one and the next are fewer than _LOOKAHEAD_WORDS.
    """

    start: int
    rank: int
    first_start: int


_START = itemgetter(0)


class PendingText:
    """Text that grows at its end and is taken from its beginning."""

    def __init__(self) -> None:
        self.text = ""
        self._taken = 0
        self._read = 0
        self._words: list[_Word] = []
        self._numbers: list[_Number] = []

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
        numbers = self._numbers
        del numbers[: bisect_left(numbers, words[0].start, key=_START) if words else None]
        return taken

    def settled_words(self) -> int:
        """Return the start of the tail that may still become a reference, a marker or a link."""
        self._read_words()
        text, taken, link = self.text, self._taken, open_link(self.text)
        if link is not None:
            text = text[:link]
        start = len(text) - _LOOKAHEAD_CHARS
        blank = _BLANK.search(text, start) if start > 0 else None
        begin = taken + (blank.start() if blank else 0)
        word = self._last_word(begin, taken + len(text))
        number = self._first_number(begin, word) if word else None
        if number:
            return before_link(text, number.start - taken)
        if link is not None:
            return len(text)
        if not word:
            return len(text) if len(text) > _LONGEST_WORD_CHARS else 0
        return before_link(text, word.stop - taken)

    def _read_words(self) -> None:
        """Look at the words completed since the last time."""
        text, taken, words = self.text, self._taken, self._words
        for found in _WORD.finditer(text, self._read - taken):
            if found.end() == len(text):
                return
            rank = words[-1].rank + 1 if words else 0
            words.append(_Word(found.start() + taken, found.end() + taken, rank))
            if _NUMBERLIKE.search(found[0]):
                self._add_number(words[-1])
            self._read = found.end() + taken

    def _add_number(self, word: _Word) -> None:
        before = self._numbers[-1] if self._numbers else None
        joined = before is not None and word.rank - before.rank <= _LOOKAHEAD_WORDS
        first_start = before.first_start if before and joined else word.start
        self._numbers.append(_Number(word.start, word.rank, first_start))

    def _last_word(self, begin: int, end: int) -> _Word | None:
        """Return the last word that begins in a part of the answer, or None."""
        words = self._words
        at = len(words) if words and words[-1].start < end else bisect_left(words, end, key=_START)
        return words[at - 1] if at and words[at - 1].start >= begin else None

    def _first_number(self, begin: int, last: _Word) -> _Number | None:
        """Return the first number, from `begin` on, of those a reference at `last` may include."""
        numbers = self._numbers
        at = bisect_left(numbers, last.stop, key=_START)
        if not at or last.rank + 1 - numbers[at - 1].rank > _LOOKAHEAD_WORDS:
            return None
        first = bisect_left(numbers, max(begin, numbers[at - 1].first_start), key=_START)
        return numbers[first] if first < at else None
