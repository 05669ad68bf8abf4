"""Everyday words and the law's words for them (`data/everyday_words.toml`).

Somebody who was "viré" looks for what the law calls "licenciement". The law's words are added to
the question's, never put in their place.
"""

import re
import tomllib
from collections.abc import Iterator
from importlib.resources import files

from ai_core.law.search.stems import FrenchStemmer, fold

_WORD = re.compile(r"[^\W_]+(?:['’/+-][^\W_]*)*")


class EverydayWords:
    """The table, ready to look up the phrases of a question."""

    def __init__(self, stemmer: FrenchStemmer) -> None:
        table = (files("ai_core.law") / "data" / "everyday_words.toml").read_text("utf-8")
        self._stemmer = stemmer
        self._law: dict[str, tuple[str, ...]] = {}
        self._open_ended: list[tuple[str, tuple[str, ...]]] = []
        for law, phrases in tomllib.loads(table).items():
            stems = tuple(dict.fromkeys(stemmer(law)))
            for phrase in phrases:
                if phrase.endswith("*"):
                    self._open_ended.append((phrase[:-1], stems))
                self._law[phrase.rstrip("*")] = self._law.get(phrase.rstrip("*"), ()) + stems
        self._pattern = re.compile(
            r"(?<!\w)(?:"
            + "|".join(re.escape(phrase) for phrase in sorted(self._law, key=len, reverse=True))
            + "|"
            + "|".join(rf"{re.escape(start)}\w+" for start, _ in self._open_ended)
            + r")(?!\w)"
        )

    def find(self, question: str) -> Iterator[tuple[frozenset[str], tuple[str, ...]]]:
        """Yield the stems of each everyday phrase of a question, and the law's stems for it."""
        for found in self._pattern.finditer(fold(question)):
            law = self._law.get(found[0]) or next(
                stems for start, stems in self._open_ended if found[0].startswith(start)
            )
            yield frozenset(self._stemmer(found[0])), law
