"""What a question asks an agreement about: the terms it holds, in the words clauses use.

`data/agreement_terms.toml` says which words of a question stand for which words of clauses. A word
it does not list stands for itself.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from typing import Any

from ai_core.law.records import LegalBound
from ai_core.law.search.stems import FrenchStemmer

Phrase = tuple[str, ...]
"""Stems that must all occur."""

_SENIORITY = re.compile(
    r"\b(?:\d+(?:[.,]\d+)?|un|une|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|quinze|vingt)\s+"
    r"(?:ans?|années?|mois|semaines?|jours?)(?:\s+et\s+demie?)?(?:\s+d['’ ]?\s*ancienneté)?",
    re.IGNORECASE,
)
_HEADCOUNT = re.compile(
    r"\b(?:(?:dans|chez)\s+)?(?:(?:une?|l['’])\s*)?(?:(?:petite|grande)\s+)?"
    r"(?:entreprises?|boîtes?|sociétés?|équipes?)\s+de\s+(?:(?:moins|plus)\s+de\s+)?\d+\s*"
    r"(?:salariés?|personnes|employés?|ouvriers?)?|\b\d+\s+salariés?\b",
    re.IGNORECASE,
)
_OWN_WEIGHT = 0.6
_WEAK_WEIGHT = 0.08
_NEAR_SHARE = 0.6
_NAMED_WEIGHT = 0.4
"""Of the very word asked ("décès"), beside what clauses call its kind ("événements familiaux")."""
_LABEL_WEIGHT = 0.4
_LABEL = re.compile(
    r"\b(?:coefficients?|coefs?|coeff|indices?)\s*(?:de\s+)?(\d{2,4})\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Bound:
    """Articles of the Code that bound what an agreement may say of some terms, asked together.

    Those `beside` may be asked too. `since` is the day before which what agreements said of it no
    longer counts, None where it does.
    """

    terms: frozenset[str]
    beside: frozenset[str]
    articles: tuple[str, ...]
    kind: LegalBound
    since: date | None


@dataclass(frozen=True, slots=True)
class Term:
    """One thing asked: the phrases that mean it, each with its worth (at most 1).

    `name` is its entry in the table, empty for a word that stands for itself.
    """

    name: str
    weight: float
    phrases: tuple[tuple[Phrase, float], ...]


class AgreementTerms:
    """Reads the terms of questions. Not thread-safe, as the stemmer is not."""

    def __init__(self, stemmer: FrenchStemmer) -> None:
        self._stemmer = stemmer
        path = files("ai_core.law") / "data" / "agreement_terms.toml"
        table: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        self._bounds = tuple(map(_bound, table.pop("bounds")))
        self.apart = self._phrases(table["apart"]["words"])
        self.formal = self._phrases(table["formal"]["words"])
        self.formal_sentences = tuple(table["formal"]["sentences"])
        self.amending = tuple(table["amending"]["words"])
        self.weak = {stem for phrase in self._phrases(table["weak"]["words"]) for stem in phrase}
        anywhere = frozenset(stemmer(" ".join(table["said_anywhere"]["words"])))
        self.said_anywhere = anywhere | self.weak
        of_pay = frozenset(stemmer(" ".join(table["said_of_pay"]["words"])))
        self.said_of_pay = self.said_anywhere | of_pay
        self._listed = [
            (self._phrases(entry["asked"]), self._term(name, entry))
            for name, entry in table.items()
            if "asked" in entry
        ]

    def stems(self, text: str) -> list[str]:
        """Return the stems of a text, in its order."""
        return self._stemmer(text)

    def of(self, question: str) -> list[Term]:
        """Return what a question asks about; seniority and headcount are facts, no subjects."""
        stems = self._stemmer(_HEADCOUNT.sub(" ", _SENIORITY.sub(" ", question)))
        held = set(stems)
        spoken_for: set[str] = set()
        terms: list[Term] = []
        for asked, term in self._listed:
            found = [phrase for phrase in asked if held.issuperset(phrase)]
            if found:
                terms.append(term)
                spoken_for.update(stem for phrase in found for stem in phrase)
                said = {phrase for phrase, worth in term.phrases if worth == 1}
                terms += [
                    Term("", _NAMED_WEIGHT, ((phrase, 1.0),))
                    for phrase in found
                    if phrase not in said
                ]
        terms += [Term("", _LABEL_WEIGHT, (((one,), 1.0),)) for one in _LABEL.findall(question)]
        own = dict.fromkeys(s for s in stems if s not in spoken_for and not s.isdigit())
        for stem in own:
            weight = _WEAK_WEIGHT if stem in self.weak else _OWN_WEIGHT
            terms.append(Term("", weight, (((stem,), 1.0),)))
        return terms

    def named(self, name: str) -> Term:
        """Return an entry of the table by its name. Raises StopIteration where it has none."""
        return next(term for _, term in self._listed if term.name == name)

    def bounds_of(self, question: str) -> dict[str, LegalBound]:
        """Return the articles of the Code that bound what an agreement may say of what is asked."""
        return {
            number: bound.kind
            for bound in self._bounds_asked(question)
            for number in bound.articles
        }

    def counts_since(self, question: str) -> date | None:
        """Return the day before which what agreements said of what is asked no longer counts."""
        return max((one.since for one in self._bounds_asked(question) if one.since), default=None)

    def _bounds_asked(self, question: str) -> Iterator[Bound]:
        asked = {term.name for term in self.of(question) if term.name}
        for bound in self._bounds:
            if bound.terms <= asked <= bound.terms | bound.beside:
                yield bound

    def _term(self, name: str, entry: Mapping[str, Any]) -> Term:
        said = [(phrase, 1.0) for phrase in self._phrases(entry["said"])]
        near = [(phrase, _NEAR_SHARE) for phrase in self._phrases(entry.get("near", ()))]
        return Term(name, float(entry.get("weight", 1.0)), (*said, *near))

    def _phrases(self, words: Sequence[str]) -> list[Phrase]:
        return [phrase for one in words if (phrase := tuple(self._stemmer(one)))]


def _bound(written: Mapping[str, Any]) -> Bound:
    return Bound(
        frozenset(written["terms"]),
        frozenset(written.get("beside", ())),
        tuple(written["articles"]),
        LegalBound(written["as"]),
        written.get("since"),
    )
