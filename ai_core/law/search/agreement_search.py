"""Search inside one collective agreement. Not safe to share between threads.

A clause is worth the share of what is asked that it holds, its own heading before the titles above
it and these before its text, times what its text is worth: the base text and its annexes come
before side agreements, the whole country before one place, recent texts before old ones. So a score
is a relevance between 0 and 1, comparable between questions.
"""

import math
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ai_core.law.agreement_categories import Category, categories_of
from ai_core.law.corpus import Corpus
from ai_core.law.records import AgreementMatch, AgreementText, Passage, TextRank
from ai_core.law.search.agreement_terms import AgreementTerms, Phrase, Term
from ai_core.law.search.stems import FrenchStemmer, fold

OPEN_AGREEMENTS = 3
"""Agreement indexes kept in memory: 5 to 20 MB each."""

_HEADING, _TITLES, _TEXT = 1.0, 0.75, 0.5
"""What a term is worth where it stands."""

_RANK = {TextRank.BASE: 1.0, TextRank.ANNEX: 0.97, TextRank.SIDE: 0.82, TextRank.PAY: 0.6}
_LOCAL = 0.4
_NOT_EXTENDED = 0.9
_PAY_TERM = "minimum_pay"
_AGE_COST = {TextRank.SIDE: (0.006, 0.8), TextRank.PAY: (0.03, 0.4)}
"""What a text loses for each year that newer ones are ahead of it, and what it keeps at least:
grids of pay replace each other, other side agreements mostly add up."""

_FORMAL = 0.45
_AMENDING = 0.5
_APART = 0.82
_OTHER_CATEGORY = 0.6
_OWN_CATEGORY = 1.08
_LEAST = 0.12
_RARE, _LEAST_RARITY = 40, 0.1
"""One clause in so many holds a word that counts in full."""

_UNTITLED = AgreementText("", TextRank.SIDE, None, None)

Values = NDArray[np.float32]


class _Postings:
    """Where stems stand: for each stem the rows that hold it, and how often."""

    def __init__(self, bags: Iterable[Sequence[str]]) -> None:
        counts: dict[str, dict[int, int]] = defaultdict(dict)
        self.rows = 0
        for row, bag in enumerate(bags):
            self.rows = row + 1
            for stem in bag:
                counts[stem][row] = counts[stem].get(row, 0) + 1
        self._counts = {
            stem: (np.fromiter(found, np.int32), np.fromiter(found.values(), np.float32))
            for stem, found in counts.items()
        }

    def of(self, phrase: Phrase) -> Values:
        """Return per row how often the rarest stem of a phrase occurs."""
        least: Values | None = None
        for stem in phrase:
            values = np.zeros(self.rows, np.float32)
            if stem in self._counts:
                rows, times = self._counts[stem]
                values[rows] = times
            least = values if least is None else np.minimum(least, values)
        return np.zeros(self.rows, np.float32) if least is None else least


@dataclass(frozen=True, slots=True)
class _OpenAgreement:
    passages: tuple[Passage, ...]
    headings: _Postings
    titles: _Postings
    texts: _Postings
    standing: Values
    pay: NDArray[np.bool_]
    territories: tuple[str | None, ...]
    apart: tuple[tuple[Phrase, NDArray[np.bool_]], ...]
    categories: tuple[frozenset[Category], ...]


class AgreementSearch:
    """Searches the clauses of the agreement that applies; indexes it on its first use."""

    def __init__(self, corpus: Corpus, stemmer: FrenchStemmer) -> None:
        self._corpus = corpus
        self._stemmer = stemmer
        self._terms = AgreementTerms(stemmer)
        self._opened: OrderedDict[str, _OpenAgreement] = OrderedDict()

    def passages(self, match: AgreementMatch | None, limit: int) -> list[Passage]:
        """Return the best passage of each clause of the agreement taken, best first, if any is.

        What names the agreement is left out of the question, since every clause holds it.
        """
        if match is None or match.agreement is None or limit < 1:
            return []
        opened = self._open(match.agreement.idcc)
        question = match.rest
        terms = self._terms.of(question)
        if not terms or not opened.passages:
            return []
        scores = self._scores(opened, question, terms)
        found: dict[str, Passage] = {}
        for row in np.argsort(-scores, kind="stable"):
            passage, score = opened.passages[row], float(min(scores[row], 1.0))
            if score < _LEAST or len(found) >= limit:
                break
            found.setdefault(passage.id, replace(passage, score=score))
        return list(found.values())

    def _scores(self, opened: _OpenAgreement, question: str, terms: Sequence[Term]) -> Values:
        held, whole = np.zeros(len(opened.passages), np.float32), 0.0
        for term in terms:
            strength = _strength(opened, term)
            weight = term.weight if term.name else term.weight * _rarity(strength)
            held += np.float32(weight) * strength
            whole += weight
        scores = held / np.float32(whole) * opened.standing
        asked = {phrase for term in terms for phrase, _ in term.phrases}
        stems = {stem for phrase in asked for stem in phrase}
        for phrase, rows in opened.apart:
            if not stems.issuperset(phrase):
                scores[rows] *= _APART
        if any(term.name == _PAY_TERM for term in terms):
            scores[opened.pay] /= np.float32(_RANK[TextRank.PAY])
        self._favour(opened, scores, question)
        return scores

    def _favour(self, opened: _OpenAgreement, scores: Values, question: str) -> None:
        """Weigh what the question says of the asker: a place, a category."""
        lowered = fold(question)
        for row, territory in enumerate(opened.territories):
            if territory and territory in lowered:
                scores[row] /= np.float32(_LOCAL)
        wanted = categories_of(question)
        if wanted:
            for row, categories in enumerate(opened.categories):
                if categories:
                    scores[row] *= _OWN_CATEGORY if categories & wanted else _OTHER_CATEGORY

    def _open(self, idcc: str) -> _OpenAgreement:
        """Index an agreement on its first use; the least recently used one is dropped."""
        if idcc not in self._opened:
            self._opened[idcc] = self._index(self._corpus.agreement_passages(idcc))
            if len(self._opened) > OPEN_AGREEMENTS:
                self._opened.popitem(last=False)
        self._opened.move_to_end(idcc)
        return self._opened[idcc]

    def _index(self, passages: tuple[Passage, ...]) -> _OpenAgreement:
        stems = self._stemmer
        headings = [stems(one.section_path[-1] if one.section_path else "") for one in passages]
        titles = [stems(" ".join(_titles(one))) for one in passages]
        texts = [one.agreement_text or _UNTITLED for one in passages]
        newest = max((text.signed.year for text in texts if text.signed), default=0)
        standing = [
            _standing(text, newest) * self._formality(heading, passage)
            for text, heading, passage in zip(texts, headings, passages, strict=True)
        ]
        apart = [
            (phrase, np.array([set(bag).issuperset(phrase) for bag in titles], bool))
            for phrase in self._terms.apart
        ]
        return _OpenAgreement(
            passages=passages,
            headings=_Postings(headings),
            titles=_Postings(titles),
            texts=_Postings(stems(one.text) for one in passages),
            standing=np.array(standing, np.float32),
            pay=np.array([text.rank is TextRank.PAY for text in texts], bool),
            territories=tuple(fold(text.territory) if text.territory else None for text in texts),
            apart=tuple(apart),
            categories=tuple(categories_of(" ; ".join(_titles(one))) for one in passages),
        )

    def _formality(self, heading: Sequence[str], passage: Passage) -> float:
        """Return less than 1 for a clause on the life of a text, or that rewrites another one."""
        held = set(heading)
        if any(held.issuperset(phrase) for phrase in self._terms.formal):
            return _FORMAL
        title = passage.section_path[-1] if passage.section_path else ""
        opening = f"{title} {passage.text[:240]}".lower()
        return _AMENDING if any(words in opening for words in self._terms.amending) else 1.0


def _titles(passage: Passage) -> tuple[str, ...]:
    """Return the titles above a clause that speak of its subject: not the base text's own."""
    path = passage.section_path
    return path[1:] if len(path) > 1 else path


def _strength(opened: _OpenAgreement, term: Term) -> Values:
    """Return per passage how well it holds a term, between 0 and 1."""
    best = np.zeros(len(opened.passages), np.float32)
    for phrase, worth in term.phrases:
        often = opened.texts.of(phrase)
        text = np.where(often > 0, _TEXT * (0.8 + 0.2 * often / (often + 2)), 0)
        places = (
            np.where(opened.headings.of(phrase) > 0, _HEADING, 0),
            np.where(opened.titles.of(phrase) > 0, _TITLES, 0) + 0.2 * text,
            text,
        )
        best = np.maximum(best, np.float32(worth) * np.maximum.reduce(places).astype(np.float32))
    return best


def _rarity(strength: Values) -> float:
    """Return how much a word tells that no table lists: one that most clauses hold tells little."""
    share = np.count_nonzero(strength) / len(strength)
    return max(_LEAST_RARITY, min(1.0, math.log(1 / max(share, 1e-6)) / math.log(_RARE)))


def _standing(text: AgreementText, newest: int) -> float:
    """Return what a text is worth among those of its agreement, between 0 and 1."""
    worth = _RANK[text.rank] * (_LOCAL if text.territory else 1.0)
    worth *= 1.0 if text.extended else _NOT_EXTENDED
    if text.signed and text.rank in _AGE_COST:
        cost, least = _AGE_COST[text.rank]
        worth *= max(least, 1 - cost * (newest - text.signed.year))
    return worth
