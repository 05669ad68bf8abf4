"""Search inside one collective agreement. Not safe to share between threads.

A clause is worth the share of what is asked that it holds, its own heading before the titles above
it and these before its text, times what its text is worth: the base text and its annexes come
before side agreements, the whole country before one place, recent texts before old ones. So a score
is a relevance between 0 and 1, comparable between questions.
"""

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from ai_core.law.agreement_categories import categories_of
from ai_core.law.corpus import Corpus
from ai_core.law.records import AgreementMatch, LegalBound, Passage, TextRank
from ai_core.law.search.agreement_index import FOLDER, LOCAL, RANK, AgreementIndex, Values
from ai_core.law.search.agreement_rivals import FoundClause, RankedClause, ranked
from ai_core.law.search.agreement_terms import AgreementTerms, Term
from ai_core.law.search.pay_grids import (
    MINIMUM_PAY,
    PayGrid,
    find_grids,
    grid_asked,
    set_nationally,
    with_grids,
)
from ai_core.law.search.stems import FrenchStemmer, fold

OPEN_AGREEMENTS = 8
"""Agreement indexes kept in memory: 2 to 8 MB each."""

_HEADING, _TITLES, _TEXT = 1.0, 0.75, 0.5
"""What a term is worth where it stands."""
_UNSAID = 0.08
"""What a part of a clause loses that does not say what the heading of the clause does."""

_ON_IT, _MANY_PLACES = 0.5, 5
_PAY_TERMS = {
    "small_travel",
    "large_travel",
    "minimum_pay",
    "seniority_bonus",
    "meals",
    "travel",
    "working_clothes",
}
"""What texts on pay state the amounts of."""
_APART = 0.82
_OTHER_CATEGORY = 0.6
_OWN_CATEGORY = 1.08
_OWN_PLACE = 1.1
_LEAST = 0.12
_RARE, _LEAST_RARITY = 40, 0.1
"""One clause in so many holds a word that counts in full."""
_RIVALS = 12
"""Clauses looked at beyond those asked for: a later text on the subject may be among them."""
_WHOLE_CLAUSES, _PARTS = 2, 3
_PART_SHARE = 0.35
"""Of the best clauses, parts that hold at least this share of what their best part does are read
too: the figure often stands in another part than the words of the question."""
_UNTOLD_CATEGORY = 0.92
_NO_LONGER_COUNTS = 0.5


_OF_AGREEMENTS = {"minimum_pay", "small_travel", "large_travel", "notice", "severance"}


class AgreementSearch:
    """Searches the clauses of the agreement that applies."""

    def __init__(self, corpus: Corpus, stemmer: FrenchStemmer) -> None:
        self._corpus = corpus
        self._stemmer = stemmer
        self._terms = AgreementTerms(stemmer)
        self._opened: OrderedDict[str, AgreementIndex] = OrderedDict()
        self._grids: dict[str, tuple[PayGrid, ...]] = {}

    def passages(self, match: AgreementMatch | None, limit: int, day: date) -> list[Passage]:
        """Return the best passage of each clause of the agreement taken, best first, if any is.

        What names the agreement is left out of the question, since every clause holds it. Of the
        grids of pay, only those in use on `day` are found where they are asked about.
        """
        if match is None or match.agreement is None or limit < 1:
            return []
        opened = self._open(match.agreement.idcc)
        question = match.rest
        terms = self._terms.of(question)
        if not terms or not opened.clauses:
            return []
        shares = self._shares(opened, terms)
        scores = self._scores(opened, question, terms, shares)
        found = self._found(match.agreement.idcc, opened, scores, shares, limit + _RIVALS)
        passages: list[Passage] = []
        clauses = ranked(found, terms, self._terms, question)
        if grid_asked(terms, question):
            grids = self._grids_of(match.agreement.idcc, opened)
            clauses = with_grids(clauses, grids, question, match.words, self._terms, day)
        clauses = clauses[:limit]
        since = self._terms.counts_since(question)
        for place, one in enumerate(clauses):
            parts = one.clause.parts[: _PARTS if place < _WHOLE_CLAUSES else 1]
            passages += [_scored(part, one, since) for part in parts]
        return passages

    def asks_of_agreements(self, question: str, *, told_by_trade: bool) -> bool:
        """Whether a question asks for something that agreements rule, beside its circumstances.

        Of who told no trade, only what nobody asks about in another sense ("mariage", "nuit").
        """
        names = {term.name for term in self._terms.of(question) if term.weight >= 1}
        return bool(names - {""} if told_by_trade else names & _OF_AGREEMENTS)

    def set_by_place(self, match: AgreementMatch | None) -> bool:
        """Whether the amounts asked for are set place by place, and the question names none.

        Many places have texts on pay of their own on it then, and the country has none.
        """
        if match is None or match.agreement is None:
            return False
        terms = self._terms.of(match.rest)
        names = {term.name for term in terms} & _PAY_TERMS
        opened = self._open(match.agreement.idcc)
        if not names or (
            MINIMUM_PAY in names and set_nationally(self._grids_of(match.agreement.idcc, opened))
        ):
            return False
        lowered = fold(match.rest)
        on_it = np.flatnonzero(opened.pay & (self._shares(opened, terms) >= _ON_IT)).tolist()
        places = {opened.territories[row] for row in on_it}
        return (
            "" not in places
            and len(places) >= _MANY_PLACES
            and not any(place in lowered for place in places)
        )

    def bounds_of(self, match: AgreementMatch | None) -> dict[str, LegalBound]:
        """Return the articles of the Code that bound what the agreement may say, by number."""
        if match is None or match.agreement is None:
            return {}
        return self._terms.bounds_of(match.rest)

    def _found(
        self, idcc: str, opened: AgreementIndex, scores: Values, shares: Values, limit: int
    ) -> dict[str, FoundClause]:
        """Return the best clauses by id, best first."""
        rows: dict[str, list[int]] = {}
        for row in np.argsort(-scores, kind="stable").tolist():
            clause = opened.clauses[row]
            if scores[row] < _LEAST:
                break
            if clause in rows or len(rows) < limit:
                rows.setdefault(clause, []).append(row)
        held = self._corpus.passages_of_clauses(idcc, list(rows))
        found = {}
        for clause, all_rows in rows.items():
            best = all_rows[0]
            kept = [row for row in all_rows if scores[row] >= _PART_SHARE * scores[best]]
            parts = tuple(
                replace(held[clause][int(opened.parts[row])], score=float(scores[row]))
                for row in kept
            )
            found[clause] = FoundClause(parts, float(min(scores[best], 1.0)), float(shares[best]))
        return found

    def _shares(self, opened: AgreementIndex, terms: Sequence[Term]) -> Values:
        """Return per passage the share of what is asked that it holds."""
        held, whole = np.zeros(len(opened.clauses), np.float32), 0.0
        for term in terms:
            strength = _strength(opened, term)
            weight = term.weight if term.name else term.weight * _rarity(strength)
            held += np.float32(weight) * strength
            whole += weight
        return held / np.float32(whole)

    def _scores(
        self, opened: AgreementIndex, question: str, terms: Sequence[Term], shares: Values
    ) -> Values:
        """Return per passage its share, times what its text is worth to the asker."""
        scores = shares * opened.standing
        asked = {phrase for term in terms for phrase, _ in term.phrases}
        stems = {stem for phrase in asked for stem in phrase}
        for phrase, rows in zip(self._terms.apart, opened.apart, strict=True):
            if not stems.issuperset(phrase):
                scores[rows] *= _APART
        if any(term.name in _PAY_TERMS for term in terms):
            scores[opened.pay] /= np.float32(RANK[TextRank.PAY])
        self._favour(opened, scores, question)
        return scores

    def _favour(self, opened: AgreementIndex, scores: Values, question: str) -> None:
        """Weigh what the question says of the asker: a place, a category."""
        lowered = fold(question)
        for row, territory in enumerate(opened.territories):
            if territory and territory in lowered:
                scores[row] *= np.float32(_OWN_PLACE / LOCAL)
        wanted = categories_of(question)
        for row, categories in enumerate(opened.categories):
            if categories and wanted:
                scores[row] *= _OWN_CATEGORY if categories & wanted else _OTHER_CATEGORY
            elif categories:
                scores[row] *= _UNTOLD_CATEGORY

    def _grids_of(self, idcc: str, opened: AgreementIndex) -> tuple[PayGrid, ...]:
        """Return the grids of pay of an agreement, read when they are first asked about."""
        if idcc not in self._grids:
            titled = opened.pay | self._terms_titled(opened, MINIMUM_PAY)
            ids = dict.fromkeys(opened.clauses[row] for row in np.flatnonzero(titled).tolist())
            held = self._corpus.passages_of_clauses(idcc, list(ids))
            parts = (part for one in ids for part in held[one])
            self._grids[idcc] = find_grids(parts, self._terms)
        return self._grids[idcc]

    def _terms_titled(self, opened: AgreementIndex, name: str) -> NDArray[np.bool_]:
        """Return which passages stand under a title that bears one of a term's phrases."""
        titled = np.zeros(len(opened.clauses), bool)
        for phrase, _ in self._terms.named(name).phrases:
            titled |= (opened.headings.of(phrase) > 0) | (opened.titles.of(phrase) > 0)
        return titled

    def _open(self, idcc: str) -> AgreementIndex:
        """Open the index of an agreement, or make it when none was made ahead.

        The least recently used one is closed.
        """
        if idcc not in self._opened:
            path = self._corpus.directory / FOLDER / f"{idcc}.npz"
            if path.exists():
                self._opened[idcc] = AgreementIndex.open(path)
            else:
                passages = self._corpus.agreement_passages(idcc)
                self._opened[idcc] = AgreementIndex.build(passages, self._stemmer, self._terms)
            if len(self._opened) > OPEN_AGREEMENTS:
                closed, _ = self._opened.popitem(last=False)
                self._grids.pop(closed, None)
        self._opened.move_to_end(idcc)
        return self._opened[idcc]


def _scored(part: Passage, clause: RankedClause, since: date | None) -> Passage:
    """Return a part of a clause with its score, less where the Code has replaced it since a day."""
    replaced = bool(since and part.updated and part.updated < since)
    worth = clause.score * part.score / clause.clause.best.score
    return replace(
        part,
        score=worth * (_NO_LONGER_COUNTS if replaced else 1.0),
        outdated=clause.replaced or replaced,
    )


def _strength(opened: AgreementIndex, term: Term) -> Values:
    """Return per passage how well it holds a term, between 0 and 1."""
    best = np.zeros(len(opened.clauses), np.float32)
    for phrase, worth in term.phrases:
        often = opened.texts.of(phrase)
        text = np.where(often > 0, _TEXT * (0.8 + 0.2 * often / (often + 2)), 0)
        places = (
            np.where(opened.headings.of(phrase) > 0, _HEADING - _UNSAID, 0) + 2 * _UNSAID * text,
            np.where(opened.titles.of(phrase) > 0, _TITLES, 0) + 0.2 * text,
            text,
        )
        best = np.maximum(best, np.float32(worth) * np.maximum.reduce(places).astype(np.float32))
    return best


def _rarity(strength: Values) -> float:
    """Return how much a word tells that no table lists: one that most clauses hold tells little."""
    share = np.count_nonzero(strength) / len(strength)
    return max(_LEAST_RARITY, min(1.0, math.log(1 / max(share, 1e-6)) / math.log(_RARE)))
