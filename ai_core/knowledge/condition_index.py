"""Finds the condition of an entry that a question asks about: « … et si je suis dispensé ? ».

An entry's short answer decides its usual question; what was asked may be decided by one of its
conditions. A condition is asked about where it is nearer to the question in meaning than the
question and answer of the entry are, or shares rare words with it that these do not have.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ai_core.knowledge.phrasing_features import Vectors, content_words
from ai_core.knowledge.records import MARK, Entry, Localized
from shared.languages import Language

_FILE = "conditions.npy"

_LEAST = 0.15
_LEAST_NEARER, _LEAST_SHARED = 0.12, 0.1
"""Of 600 phrasings drawn at random 42 get a condition so; it decides the question in 31 of them
and is only beside it in the others (2026-11-30)."""
_LEAST_SHARED_ALONE = 0.25
"""Without meanings."""

Rows = Mapping[str, Mapping[Language, int]]
"""The row of an entry's own text, by topic and language; its conditions follow it."""


@dataclass(frozen=True, slots=True)
class ConditionAsked:
    """Conditions of an entry, counted from 0: the one a question asks about, the one nearest to it.

    None where none is.
    """

    asked: int | None = None
    nearest: int | None = None


NO_CONDITION = ConditionAsked()


class ConditionIndex:
    """The meanings of the entries' answers and conditions, in each language."""

    def __init__(self, meanings: Vectors | NDArray[np.float16], rows: Rows) -> None:
        self._meanings, self.rows = meanings, rows

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> tuple[list[str], Rows]:
        """Return the texts whose meanings are wanted, and the rows where they stand."""
        texts: list[str] = []
        rows: dict[str, dict[Language, int]] = {}
        for entry in entries:
            for language in entry.languages():
                rows.setdefault(entry.topic_id, {})[language] = len(texts)
                texts += _texts(entry, language)
        return texts, rows

    @classmethod
    def open(cls, folder: Path, rows: Rows) -> "ConditionIndex":
        """Open a folder that `save` wrote; the meanings stay on disk."""
        return cls(np.load(folder / _FILE, mmap_mode="r"), rows)

    def with_entries(
        self, entries: Sequence[Entry], embed: Callable[[list[str]], Vectors]
    ) -> "ConditionIndex":
        """Return an index that knows these entries too; `embed` is not called without meanings."""
        texts, rows = self.of(entries)
        dimensions, held = self._meanings.shape[1], len(self._meanings)
        if not (dimensions and texts):
            return self
        meanings = np.vstack([np.asarray(self._meanings, np.float32), embed(texts)])
        moved = {
            topic: {language: row + held for language, row in by_language.items()}
            for topic, by_language in rows.items()
        }
        return ConditionIndex(meanings, {**self.rows, **moved})

    def save(self, folder: Path) -> None:
        """Write the meanings into a folder, in half precision."""
        np.save(folder / _FILE, self._meanings.astype(np.float16))

    def asked(
        self,
        entry: Entry,
        question: str,
        meaning: Vectors | None,
        language: Language,
        rarity: Callable[[str], float],
    ) -> ConditionAsked:
        """Return which condition of an entry a question asks about, and which is nearest to it.

        `rarity` tells by how much a word is rarer than common ones, 0 for those.
        """
        language = language if entry.speaks(language) else "en"
        if not entry.conditions:
            return NO_CONDITION
        shared = _shared(entry, question, language, rarity)
        nearer = self._nearer(entry, meaning, language)
        scores = shared if nearer is None else nearer + shared
        best = int(np.argmax(scores))
        named = int(np.argmax(shared))
        nearest = named if shared[named] >= _LEAST_SHARED else best if scores[best] > 0 else None
        if nearer is None:
            decides = bool(shared[best] >= _LEAST_SHARED_ALONE)
        else:
            told = nearer[best] >= _LEAST_NEARER or shared[best] >= _LEAST_SHARED
            decides = bool(told and scores[best] >= _LEAST)
        return ConditionAsked(best if decides else None, nearest)

    def _nearer(self, entry: Entry, meaning: Vectors | None, language: Language) -> Vectors | None:
        """Return by how much each condition is nearer than the entry's own text."""
        row = self.rows.get(entry.topic_id, {}).get(language)
        if row is None or meaning is None or not self._meanings.shape[1]:
            return None
        own = self._meanings[row : row + 1 + len(entry.conditions)].astype(np.float32)
        cosines = own @ meaning
        return np.asarray(cosines[1:] - cosines[0], np.float32)


def _texts(entry: Entry, language: Language) -> list[str]:
    """Return the text of an entry's question and answer, then its conditions."""
    own = f"{_said(entry.question, language)} {_said(entry.answer, language)}"
    return [own, *(_said(line, language) for line in entry.conditions)]


def _said(text: Localized, language: Language) -> str:
    return MARK.sub("", text.in_language(language) or text.en)


def _shared(
    entry: Entry, question: str, language: Language, rarity: Callable[[str], float]
) -> Vectors:
    """Return the share of a question's words that each condition has and the answer has not."""
    own, *conditions = (content_words(text) for text in _texts(entry, language))
    weights = {word: rarity(word) for word in content_words(question)}
    whole = sum(weights.values())
    shares = [
        sum(weight for word, weight in weights.items() if word in words - own)
        for words in conditions
    ]
    return np.array(shares, np.float32) / (whole or 1.0)
