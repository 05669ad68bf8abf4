"""A question as the indexes see it: repaired, in stems, with the law's words beside the asker's."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ai_core.law.search.everyday_words import EverydayWords
from ai_core.law.search.french_terms import french_terms
from ai_core.law.search.spelling import Spelling
from ai_core.law.search.stems import FrenchStemmer, fold
from shared.languages import answer_language

_WORD = re.compile(r"[a-zà-ÿœ]+|[^\W\d_]", re.IGNORECASE)
"""A Latin word, or one letter of another script."""

_FEWEST_WORDS = 4
_KNOWN_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What is searched for.

    `stems` are the question's own; `expanded` adds those of the law's words for what it says in
    everyday words. `meanings` lists for each distinct own stem the stems that mean the same. A
    question in another language is `foreign`; its stems are of the French words for what it names.
    """

    text: str
    stems: tuple[str, ...]
    expanded: tuple[str, ...]
    meanings: tuple[tuple[str, ...], ...]
    foreign: bool = False

    @property
    def weighted(self) -> list[str]:
        """The question's own stems twice, and the law's once: they count half."""
        return [*self.stems, *self.expanded]


class QueryReader:
    """Reads questions. Not safe to share between threads."""

    def __init__(self, stemmer: FrenchStemmer, spelling: Spelling) -> None:
        self._stemmer, self._spelling = stemmer, spelling
        self._everyday = EverydayWords(stemmer)

    def repaired(self, question: str) -> str:
        """Return the question with its misspelt words repaired."""
        return self._spelling(question)

    def foreign(self, text: str) -> bool:
        """Whether a question is in another language: by its script or words, or because the corpus
        knows few of them.
        """
        told = answer_language(text)
        if told.frame or told.language in ("th", "zh"):
            return True
        words = _WORD.findall(text)
        if not words or (len(words) < _FEWEST_WORDS and told.language == "fr"):
            return False
        known = sum(self._spelling.says(fold(word)) for word in words)
        return known < _KNOWN_SHARE * len(words)

    def read(self, text: str) -> SearchQuery:
        """Read a repaired question."""
        if self.foreign(text):
            terms = french_terms(text)
            return replace(self._read(terms), text=f"{text} {terms}".strip(), foreign=True)
        return self._read(text)

    def _read(self, text: str) -> SearchQuery:
        stems = self._stemmer(text)
        law_of: dict[str, list[str]] = {stem: [stem] for stem in stems}
        added: dict[str, None] = {}
        for said, law in self._everyday.find(text):
            added.update(dict.fromkeys(law))
            for stem in law_of.keys() & said:
                law_of[stem].extend(law)
        new: Sequence[str] = [stem for stem in added if stem not in law_of]
        return SearchQuery(text, tuple(stems), (*stems, *new), tuple(map(tuple, law_of.values())))
