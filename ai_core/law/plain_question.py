"""A question as plain words: lower case, no accents, no plurals, each with its place in it."""

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

_WORD = re.compile(r"[^\W_]+|\+|(?<=\s)-(?=\s)")
_BREAK = re.compile(r"[,;:?!()\[\]\n«»\"“”]|\.(?=\s|$)|\s[-–—]\s")


def plain_word(word: str) -> str:
    """Fold case and accents, and drop a plural ending."""
    folded = unicodedata.normalize("NFKD", word.lower().replace("œ", "oe").replace("æ", "ae"))
    bare = "".join(c for c in folded if not unicodedata.combining(c))
    return bare[:-1] if len(bare) > 4 and bare[-1] in "sx" else bare


def plain(text: str) -> str:
    """Return a text's plain words, with one space between them."""
    return " ".join(plain_word(word) for word in _WORD.findall(text))


@dataclass(frozen=True)
class PlainQuestion:
    """A question, its plain words (`words`), and where each stands in it (`spans`)."""

    text: str
    words: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]

    @classmethod
    def read(cls, text: str) -> "PlainQuestion":
        """Split a question into plain words."""
        found = list(_WORD.finditer(text))
        return cls(
            text, tuple(plain_word(one[0]) for one in found), tuple(one.span() for one in found)
        )

    def with_words(self, words: tuple[str, ...]) -> "PlainQuestion":
        """Return the same question with its words repaired."""
        return PlainQuestion(self.text, words, self.spans)

    @cached_property
    def plain(self) -> str:
        """The plain words, with one space between them."""
        return " ".join(self.words)

    @cached_property
    def _offsets(self) -> list[int]:
        offsets, at = [], 0
        for word in self.words:
            offsets.append(at)
            at += len(word) + 1
        return offsets

    @cached_property
    def segments(self) -> tuple[int, ...]:
        """The part of the sentence each word is in: punctuation parts them."""
        breaks = [one.start() for one in _BREAK.finditer(self.text)]
        return tuple(bisect_right(breaks, start) for start, _ in self.spans)

    @cached_property
    def heading_ends(self) -> int | None:
        """The part of the sentence that a colon ends first ("bâtiment, ouvrier : …"), if any."""
        breaks = enumerate(_BREAK.finditer(self.text))
        return next((number for number, one in breaks if one[0] == ":"), None)

    def word_at(self, offset: int) -> int:
        """Return the number of the word at an offset of `plain`."""
        return max(0, bisect_right(self._offsets, offset) - 1)

    def original(self, first: int, last: int) -> str:
        """Return the words from `first` to `last`, included, as the question writes them."""
        return self.text[self.spans[first][0] : self.spans[last][1]]

    def without(self, dropped: set[int]) -> str:
        """Return the question without some of its words, which are given by number."""
        kept = list(self.text)
        for number in dropped:
            start, stop = self.spans[number]
            kept[start:stop] = " " * (stop - start)
        return " ".join("".join(kept).split())
