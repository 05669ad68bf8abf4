"""Suggests the next question: everyday questions that rest on the articles of the answer.

The questions are those of law/data/everyday_questions.tsv, in French.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ai_core.law.search.stems import FrenchStemmer
from shared.languages import Language

FILE = Path(__file__).parents[1] / "law" / "data" / "everyday_questions.tsv"
MAX_SUGGESTIONS = 3
_ALIKE = 0.5
"""Share of the words of two questions, of the shorter one, from which they ask the same."""
_LEAST_SHARED_STEMS = 1
_SUGGESTED = re.compile(r"[^\d?]{12,90}\?")
"""One short question, without the figures of a case."""


@dataclass(frozen=True, slots=True)
class _Question:
    text: str
    stems: frozenset[str]

    def is_like(self, stems: frozenset[str]) -> bool:
        shorter = min(len(self.stems), len(stems))
        return len(self.stems & stems) >= _ALIKE * shorter


class Suggestions:
    """The everyday questions by the articles that answer them."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._stemmer = FrenchStemmer()
        self._by_article: dict[str, list[_Question]] = defaultdict(list)
        for line in lines:
            text, tab, numbers = line.partition("\t")
            if tab and _SUGGESTED.fullmatch(text):
                question = _Question(text, frozenset(self._stemmer(text)))
                for number in numbers.split():
                    self._by_article[number].append(question)

    @classmethod
    def read(cls, path: Path = FILE) -> "Suggestions":
        """Read the everyday questions."""
        return cls(path.read_text(encoding="utf-8").splitlines())

    def choose(self, asked: Sequence[str], numbers: Sequence[str], language: Language) -> list[str]:
        """Return up to three questions; `numbers` are the articles of the answer, best first.

        None asks again what the messages in `asked` asked, the last one first among them to share a
        word with. Empty for another language than French.
        """
        if language != "fr" or not asked:
            return []
        before = [frozenset(self._stemmer(text)) for text in asked]
        scores: dict[_Question, float] = defaultdict(float)
        for rank, number in enumerate(dict.fromkeys(numbers), start=1):
            for question in self._by_article.get(number, ()):
                scores[question] += 1 / rank
        chosen: list[_Question] = []
        for question in sorted(scores, key=lambda one: (-scores[one], len(one.text), one.text)):
            if len(chosen) == MAX_SUGGESTIONS:
                break
            near = len(question.stems & before[-1]) >= _LEAST_SHARED_STEMS
            known = [*before, *(one.stems for one in chosen)]
            if near and not any(question.is_like(stems) for stems in known):
                chosen.append(question)
        return [question.text for question in chosen]
