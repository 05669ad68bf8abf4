"""Repairs misspelt words of a question, for the search only: what people wrote is never changed.

Only words that neither the corpus nor a French word list has are looked at. Short forms of text
messages come from a table (`data/short_forms.tsv`); other words become the word of our vocabulary
that sounds the same, or that is nearest by edits (optimal string alignment: Damerau, 1964, each
pair of letters swapped at most once), the more frequent one first.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from string import ascii_lowercase
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA
from spellchecker import SpellChecker

from ai_core.law.search.stems import fold
from ai_core.law.search.tokens import read_table

_LETTERS = re.compile(r"[a-z]+")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_SHORTEST = 4
_FAR_FROM_LENGTH = 8
"""From this many letters on, two edits are allowed."""

_MOST_REPAIRS = 12
_REMEMBERED = 4_096
_KEPT_LETTERS = 30

_SOUNDS = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"(.)\1+", r"\1"),
        (r"ph", "f"),
        (r"eau|au|ault|aud", "o"),
        (r"ain|ein|yn|ym|im(?=[bmp])|in(?=[^aeiouy]|$)", "1"),
        (r"(?:en|an|em|am)(?=[^aeiouynm]|$)", "2"),
        (r"oi|oy", "w"),
        (r"ou", "u"),
        (r"sch|sh", "ch"),
        (r"sc(?=[eiy])|c(?=[eiy])|ss|(?<=[aeiouy])t(?=ion)", "s"),
        (r"qu?|ck|c(?!h)", "k"),
        (r"g(?=[eiy])e?", "j"),
        (r"gu(?=[eiy])", "g"),
        (r"ai|ei|ez$|er$|et$|ee$", "e"),
        (r"y", "i"),
        (r"h(?!$)(?<!c.)", ""),
        (r"z|(?<=[aeiou])s(?=[aeiou])", "z"),
        (r"(?:e|es|ent|s|t|x|d|p)$", ""),
        (r"(.)\1+", r"\1"),
    )
)
"""A rough French phonetic key, as in Soundex for French (Phonex, Brouard, 1999)."""


def sound_of(word: str) -> str:
    """Return a key that folded words pronounced alike share."""
    for pattern, sound in _SOUNDS:
        word = pattern.sub(sound, word)
    return word


class Spelling:
    """Repairs words; see the module's docstring. Not safe to share between threads."""

    def __init__(
        self,
        frequency: Mapping[str, int],
        listed: NDArray[np.uint32],
        short_forms: Mapping[str, str],
    ) -> None:
        self._frequency, self._listed, self._short_forms = frequency, listed, short_forms
        self._by_sound: dict[str, list[str]] = defaultdict(list)
        self._by_length: dict[int, list[str]] = defaultdict(list)
        for word in frequency:
            if len(word) >= _SHORTEST:
                self._by_sound[sound_of(word)].append(word)
                self._by_length[len(word)].append(word)
        self._repaired: dict[str, str] = {}

    @classmethod
    def open(cls, path: Path) -> "Spelling":
        """Open a file that `write_vocabulary` wrote."""
        with np.load(path) as saved:
            words = bytes(saved["words"]).decode().split("\n")
            frequency = dict(zip(words, saved["frequency"].tolist(), strict=True))
            listed = saved["listed"]
        return cls(frequency, listed, dict(read_table("short_forms.tsv")))

    def __call__(self, question: str) -> str:
        """Return the question with its unknown words repaired."""
        left = _MOST_REPAIRS

        def repaired(found: re.Match[str]) -> str:
            nonlocal left
            word = found[0]
            better = self._repair(fold(word)) if left else None
            left -= better is not None
            return better or word

        return _WORD.sub(repaired, question)

    def knows(self, word: str) -> bool:
        """Whether a folded word is one of the corpus' or of French."""
        return word in self._frequency or self._french([word])

    def says(self, word: str) -> bool:
        """Whether the corpus says a folded word more than once, or it is one letter of French."""
        return self._frequency.get(word, 0) > 1 or (len(word) == 1 and word.isascii())

    def _french(self, words: Sequence[str]) -> bool:
        """Whether any of these folded words is in the French list."""
        hashes = np.array([crc32(word.encode()) for word in words], np.uint32)
        at = np.searchsorted(self._listed, hashes).clip(max=len(self._listed) - 1)
        return bool((self._listed[at] == hashes).any())

    def _ambiguous(self, word: str) -> bool:
        """Whether a French word that our vocabulary lacks is one edit away."""
        return self._french([one for one in _edits(word) if one not in self._frequency])

    def _repair(self, word: str) -> str | None:
        if word in self._short_forms:
            return self._short_forms[word]
        if not _LETTERS.fullmatch(word) or len(word) < _SHORTEST or self.knows(word):
            return None
        if word not in self._repaired:
            if len(self._repaired) >= _REMEMBERED:
                self._repaired.clear()
            self._repaired[word] = self._nearest(word) if len(word) <= _KEPT_LETTERS else ""
        return self._repaired[word] or None

    def _nearest(self, word: str) -> str:
        edits = 2 if len(word) >= _FAR_FROM_LENGTH else 1
        alike = [one for one in self._by_sound.get(sound_of(word), ()) if one[0] == word[0]]
        if not alike and self._ambiguous(word):
            return ""
        near = [
            (one, distance)
            for size in range(len(word) - edits, len(word) + edits + 1)
            for one, distance, _ in process.extract(
                word,
                self._by_length.get(size, ()),
                scorer=OSA.distance,
                score_cutoff=edits,
                limit=8,
            )
            if one[0] == word[0] or distance == 1
        ]
        found = [(one, OSA.distance(word, one) / 2) for one in alike] + near
        return min(
            found,
            key=lambda each: (each[1] - 0.25 * np.log10(self._frequency[each[0]]), each[0]),
            default=("", 0),
        )[0]


def _edits(word: str) -> list[str]:
    """Return the strings one edit away, the first letter kept."""
    splits = [(word[:at], word[at:]) for at in range(1, len(word) + 1)]
    return [
        *(left + right[1:] for left, right in splits if right),
        *(left + right[1] + right[0] + right[2:] for left, right in splits if len(right) > 1),
        *(
            left + letter + right[1:]
            for left, right in splits
            if right
            for letter in ascii_lowercase
        ),
        *(left + letter + right for left, right in splits for letter in ascii_lowercase),
    ]


def write_vocabulary(texts: Iterable[str], path: Path) -> None:
    """Write the words of `texts` with how often they occur, and hashes of the words of French."""
    frequency: Counter[str] = Counter()
    for text in texts:
        frequency.update(_LETTERS.findall(fold(text)))
    french = SpellChecker(language="fr").word_frequency.words()
    hashes = sorted({crc32(fold(word).encode()) for word in french})
    words = sorted(word for word, count in frequency.items() if len(word) > 1)
    np.savez(
        path,
        words=np.frombuffer("\n".join(words).encode(), np.uint8),
        frequency=np.array([frequency[word] for word in words], np.int32),
        listed=np.array(hashes, np.uint32),
    )
