"""Keeps what people write from becoming special tokens, and long words from a tokenizer's stack.

A special token begins a turn, ends an answer or calls a tool; only the chat template may write one.
A text is cut inside every other spelling of one, and its pieces are tokenized one by one: the text
stays as it was written, character for character, and no piece spells the token. A text without
such a spelling is one piece, so its tokens are what they always were.

`MAX_RUN_CHARS` bounds what one match of a tokenizer's regular expressions can take: libstdc++'s
`std::regex`, which llama.cpp falls back to, calls itself once per character of a match
(https://gcc.gnu.org/bugzilla/show_bug.cgi?id=86164), until the stack is full.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from ai_core.engines.decoding.chat_template import PromptText

MAX_RUN_CHARS = 4_096
"""Of a run with, or without, white space: longer ones are cut. A match takes up to 2 KiB of the
stack for a character, and the smallest stack in use has 8 MiB."""
MAX_DIGITS = 256
"""Of a number: some expressions look for its end from each of its digits."""
_LOOK_BACK_CHARS = 256
_RUN = re.compile(r"\S+|\s+")
_WORD = re.compile(r"\w+")
_GAP = re.compile(r"\s{2,}")
_NUMBER = re.compile(r"\d+")
_KEY_CHARS = 2


class SpecialTokens:
    """The spellings that a tokenizer takes for one special token.

    `marks` are what a template spells with several tokens to begin or end a turn. White space stays
    as it is: vocabularies have tokens for indentation, which mark nothing.
    """

    def __init__(self, spellings: Iterable[str], marks: Iterable[str] = ()) -> None:
        self._spellings = frozenset(
            one for one in (*spellings, *marks) if len(one) >= _KEY_CHARS and not one.isspace()
        )
        lengths: defaultdict[str, set[int]] = defaultdict(set)
        for one in self._spellings:
            lengths[one[:_KEY_CHARS]].add(len(one))
        self._lengths = {key: sorted(found) for key, found in lengths.items()}
        first = "".join(sorted({re.escape(key[0]) for key in self._lengths}))
        self._first = re.compile(f"[{first}]" if first else r"(?!)")

    def spelled_in(self, prompt: PromptText) -> list[tuple[int, int]]:
        """Return where the contents of a prompt spell a token, [start, end), in order.

        A spelling that the template began or completes counts too. Linear in the text.
        """
        text, found = prompt.text, list[tuple[int, int]]()
        contents = iter(prompt.contents)
        first, last = next(contents, (len(text), len(text)))
        for match in self._first.finditer(text):
            start = match.start()
            while start >= last < len(text):
                first, last = next(contents, (len(text), len(text)))
            for length in self._lengths.get(text[start : start + _KEY_CHARS], ()):
                end = min(start + length, len(text))
                if first < end and start < last and text[start:end] in self._spellings:
                    found.append((start, end))
        return found

    def pieces(self, prompt: PromptText, *, max_run_chars: int = 0) -> list[str]:
        """Return the text of a prompt in the pieces to tokenize, one by one.

        `max_run_chars` also cuts runs that are longer; 0 leaves them whole.
        """
        cuts = {*_cuts_inside(prompt.text, self.spelled_in(prompt))}
        if max_run_chars and len(prompt.text) > MAX_DIGITS:
            cuts |= {*_cuts_in_long_runs(prompt.text, max_run_chars)}
        return _cut(prompt.text, sorted(cuts))


def as_content(text: str) -> PromptText:
    """Return a text of which people wrote every character."""
    return PromptText(text, ((0, len(text)),))


def _cuts_inside(text: str, spans: Sequence[tuple[int, int]]) -> Iterator[int]:
    """Yield a place inside each of the spans: in the middle of its longest word.

    At the edge of a word a mark of several tokens would keep them.
    """
    latest = -1
    for start, end in spans:
        if not start < latest < end:
            words = _WORD.finditer(text, start, end)
            word = max(words, key=lambda one: one.end() - one.start(), default=None)
            middle = (word.start() + word.end()) // 2 if word else end - 1
            latest = max(start + 1, middle)
            yield latest


def _cuts_in_long_runs(text: str, max_chars: int) -> Iterator[int]:
    """Yield where to cut runs of more than `max_chars`, if possible before punctuation.

    Words end there for most tokenizers anyway, so that a paragraph without spaces, as in Chinese,
    keeps its tokens.
    """
    if not _has_long_run(text, max_chars):
        return
    for run in _RUN.finditer(text):
        at = run.start()
        while run.end() - at > max_chars:
            limit = at + max_chars
            near = range(limit, limit - _LOOK_BACK_CHARS, -1)
            at = next((place for place in near if _word_ends(text, place)), limit)
            yield at
    for number in _NUMBER.finditer(text):
        yield from range(number.start() + MAX_DIGITS, number.end(), MAX_DIGITS)


def _has_long_run(text: str, max_chars: int) -> bool:
    """Whether there may be a run to cut: quickly, for almost every text."""
    longest = max(map(len, text.split()), default=0)
    if longest > min(max_chars, MAX_DIGITS):
        return True
    return any(gap.end() - gap.start() > max_chars for gap in _GAP.finditer(text))


def _word_ends(text: str, at: int) -> bool:
    return text[at - 1].isalpha() and unicodedata.category(text[at]).startswith("P")


def _cut(text: str, cuts: Sequence[int]) -> list[str]:
    edges = [0, *cuts, len(text)]
    return [text[start:end] for start, end in pairwise(edges)]
