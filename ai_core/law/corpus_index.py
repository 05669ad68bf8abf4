"""One version of the corpus opened for search: exact references first, then hybrid search.

Not thread-safe: `library` runs it in a single thread.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from ai_core.law.agreements import AgreementFinder
from ai_core.law.classifications import without_places
from ai_core.law.corpus import Corpus
from ai_core.law.records import (
    Agreement,
    AgreementLookup,
    AgreementMatch,
    Article,
    Confidence,
    MatchBasis,
    Passage,
    QuestionScope,
    SearchResult,
    SourceKind,
)
from ai_core.law.references import find_references
from ai_core.law.resolving import resolve
from ai_core.law.search import encoder, hybrid, semantic
from ai_core.law.search.agreement_search import AgreementSearch
from ai_core.law.search.french_terms import french_terms, terms_named
from ai_core.law.search.hybrid import HybridSearch
from ai_core.law.search.indexing import need_lexical
from ai_core.law.search.query import QueryReader, SearchQuery
from ai_core.law.search.relevance import Judged
from ai_core.law.search.scope import Evidence, ScopeClassifier
from ai_core.law.search.spelling import Spelling
from ai_core.law.search.stems import without_references
from shared.languages import answer_language

_SPEAKS_OF_AN_AGREEMENT = (MatchBasis.IDCC, MatchBasis.NAME)
_SAYS_WHERE_ONE_WORKS = (MatchBasis.TRADE, MatchBasis.CHOSEN)
_CIVIL_SERVICE = "civil_service"
_AGREEMENT_SHARE = 3
_CHOSEN_WEIGHT, _NAMED_WEIGHT = 2, 4
"""A clause of the agreement that applies goes before an article as relevant (L2253-1 to L2253-3):
its chance not to decide counts to this power, the more so where the question names it."""

_TERMS_OF_LABOUR_LAW = 2
"""A question in another language that names so many terms of labour law is taken for one."""

_BOUND_SCORE = 0.5
"""Below the clauses that decide: what the Code grants at least is told after them."""


@dataclass(frozen=True, slots=True)
class ReferencedArticles:
    """The articles a question names, and its references that resolve to none."""

    articles: tuple[Article, ...]
    missing: tuple[str, ...]
    other_code: tuple[str, ...]


class CorpusIndex:
    """A version of the corpus with its indexes; builds the lexical one when it is missing."""

    def __init__(self, directory: Path) -> None:
        need_lexical(directory)
        self.directory = directory
        self.corpus = Corpus(directory)
        self.hybrid = HybridSearch(directory)
        evidence = Evidence.open(directory / hybrid.FOLDER / "scope.npz")
        self._scopes = ScopeClassifier(evidence, self.hybrid.stemmer, self.hybrid.encoder)
        spelling = Spelling.open(directory / hybrid.FOLDER / "words.npz")
        self._reader = QueryReader(self.hybrid.stemmer, spelling)
        self._finder = AgreementFinder(self.corpus.agreements())
        self._agreements = AgreementSearch(self.corpus, self.hybrid.stemmer)

    def close(self) -> None:
        """Close the corpus file."""
        self.corpus.close()

    def outdated(self) -> bool:
        """Whether an index was added since this one was opened."""
        return (self.hybrid.semantic is None and (self.directory / semantic.FOLDER).exists()) or (
            self.hybrid.encoder is None
            and encoder.installed()
            and (self.directory / encoder.FOLDER).exists()
        )

    def search(
        self,
        question: str,
        *,
        limit: int,
        kind: SourceKind | None,
        agreement: str | None,
        as_of: date,
    ) -> SearchResult:
        """Search; see `Library.search`."""
        named = self._named(question, as_of)
        match = self._finder.find(question, agreement)
        repaired = self._reader.repaired(question)
        foreign = self._reader.foreign(repaired)
        scope, neighbour = self._scope_of(question) if foreign else self._scopes.of(repaired)
        if scope is QuestionScope.OUTSIDE and len(terms_named(question)) >= _TERMS_OF_LABOUR_LAW:
            scope = QuestionScope.LABOUR_LAW
        if named.articles or named.missing or (match and match.basis in _SPEAKS_OF_AN_AGREEMENT):
            scope, neighbour = QuestionScope.LABOUR_LAW, None
        asked = self._reader.repaired(match.rest) if match and match.rest else repaired
        if match and match.basis in _SAYS_WHERE_ONE_WORKS:
            scope, neighbour = self._scope_at_work(match, asked, scope, neighbour)
        if foreign:
            asked = question
        text = _query(asked, named)
        if scope is QuestionScope.UNCLEAR:
            text = self._scopes.without_small_talk(text)
        query = self._reader.read(text)
        passages = self._passages(query, named, match, limit, kind, as_of)
        best = passages[0].score if passages else 0.0
        confidence = self.hybrid.confidence(query, best, scope)
        sure = confidence in (Confidence.HIGH, Confidence.MEDIUM)
        if sure and passages[0].kind is SourceKind.AGREEMENT:
            # A clause's score is a share of the words, no chance: of twenty graded, eight decided.
            confidence = Confidence.LOW
        return SearchResult(
            passages=tuple(passages),
            scope=scope,
            exact=tuple(article.number for article in named.articles),
            missing=named.missing,
            other_code=named.other_code,
            agreement=match.agreement if match else None,
            agreement_match=match,
            neighbour=neighbour,
            confidence=confidence,
            set_by_place=self._agreements.set_by_place(match),
            borderline=scope is QuestionScope.OUTSIDE
            and self._scopes.borderline(repaired, foreign=foreign),
        )

    def _scope_at_work(
        self,
        match: AgreementMatch,
        asked: str,
        scope: QuestionScope,
        neighbour: str | None,
    ) -> tuple[QuestionScope, str | None]:
        """Return the scope of a question that tells where one works.

        A trade's name ("jardinerie") says nothing of the subject. Steps of a grid ("échelon 3") are
        those of the agreement there, not of the civil service; and who asks what agreements rule,
        a minimum wage or notice, asks labour law.
        """
        if neighbour == _CIVIL_SERVICE:
            return self._scopes.of(without_places(asked))
        trade = match.basis is MatchBasis.TRADE
        if scope is not QuestionScope.OUTSIDE:
            return scope, neighbour
        if self._agreements.asks_of_agreements(match.rest, told_by_trade=trade):
            return QuestionScope.LABOUR_LAW, None
        return self._scopes.of(asked) if trade else (scope, neighbour)

    def _scope_of(self, question: str) -> tuple[QuestionScope, str | None]:
        """Return the scope of a question in another language, by its meaning and French words.

        The encoder does not know Romanian: there the words may say yes by themselves.
        """
        terms = french_terms(question)
        if self.hybrid.encoder is None:
            return self._scopes.of(terms or question)
        scope, neighbour = self._scopes.of(f"{question} {terms}".strip(), foreign=True)
        if scope is QuestionScope.OUTSIDE and terms and answer_language(question).frame == "ro":
            return self._scopes.of(terms)
        return scope, neighbour

    def agreement_named(self, text: str) -> Agreement | None:
        """Return the agreement that a text names, or None; a company decides nothing."""
        match = self._finder.find(text)
        return match.agreement or match.not_held if match else None

    def agreement_of(self, texts: Sequence[str], chosen: str | None) -> AgreementMatch | None:
        """Return the agreement that the first of these texts to speak of one is about."""
        return self._finder.find_first(texts, chosen)

    def agreement_meant(self, written: str) -> AgreementLookup:
        """Return the agreement that a number or a name means, or those near it."""
        return self._finder.meant(written)

    def _named(self, question: str, day: date) -> ReferencedArticles:
        articles: dict[str, Article] = {}
        missing, other = [], []
        for reference in find_references(question):
            found = resolve(reference, self.corpus, day)
            articles |= {article.id: article for article in found}
            if reference.other_code:
                other.append(reference.name)
            elif not found and reference.sure:
                missing.append(reference.name)
        return ReferencedArticles(tuple(articles.values()), tuple(missing), tuple(other))

    def _passages(
        self,
        query: SearchQuery,
        named: ReferencedArticles,
        match: AgreementMatch | None,
        limit: int,
        kind: SourceKind | None,
        day: date,
    ) -> list[Passage]:
        """Return the passages of the kinds asked for in one list, the most relevant first."""
        agreed: list[Passage] = []
        if kind in (None, SourceKind.AGREEMENT):
            share = limit if kind else limit // _AGREEMENT_SHARE
            chosen = match is not None and match.basis is MatchBasis.CHOSEN
            clauses = self._agreements.passages(match, share, day)
            agreed = _before_articles(clauses, _CHOSEN_WEIGHT if chosen else _NAMED_WEIGHT)
        if kind is SourceKind.AGREEMENT:
            return agreed
        bounds = self._bounds(query, match, day) if agreed else []
        found = self._judged(query, named, kind, day, limit)[: limit - len(agreed)]
        read = self.corpus.passages_at([one.row for one in found])
        passages = [
            replace(passage, score=one.relevance, outdated=one.outdated)
            for passage, one in zip(read, found, strict=True)
        ]
        found_at = {passage.id: passage.score for passage in passages}
        bounding = {
            one.id: replace(one, score=max(one.score, found_at.get(one.id, 0.0))) for one in bounds
        }
        rest = [passage for passage in passages if passage.id not in bounding]
        everything = [*agreed, *bounding.values(), *rest]
        return sorted(everything, key=lambda passage: -passage.score)

    def _bounds(self, query: SearchQuery, match: AgreementMatch | None, day: date) -> list[Passage]:
        """Return the articles of the Code that bound what the clauses found may say."""
        bounds = self._agreements.bounds_of(match)
        articles = [article for number in bounds for article in self.corpus.by_number(number, day)]
        positions = [self.hybrid.metadata.position(article.id) for article in articles]
        read = self.corpus.passages_at(self.hybrid.clearest(query, positions))
        return [
            replace(passage, score=_BOUND_SCORE, bound=bounds[article.number])
            for passage, article in zip(read, articles, strict=True)
        ]

    def _judged(
        self,
        query: SearchQuery,
        named: ReferencedArticles,
        kind: SourceKind | None,
        day: date,
        limit: int,
    ) -> list[Judged]:
        """Return the articles named, then everything else of the kind by its relevance."""
        metadata = self.hybrid.metadata
        found = self.hybrid.search(query, day, limit)
        if kind is not SourceKind.FICHE:
            positions = [metadata.position(article.id) for article in named.articles]
            rows = self.hybrid.clearest(query, positions)
            first = [
                Judged(source, row, 1.0, int(metadata.since[source]))
                for source, row in zip(positions, rows, strict=True)
            ]
            found = [*first, *(one for one in found if one.source not in positions)]
        if kind is not None:
            articles = kind is SourceKind.ARTICLE
            found = [one for one in found if (one.source < metadata.articles) is articles]
        return found


def _before_articles(clauses: Sequence[Passage], weight: int) -> list[Passage]:
    """Weigh clauses against articles by the best one; among themselves they keep their shares."""
    best = max((clause.score for clause in clauses), default=0.0)
    raised = 1 - (1 - best) ** weight
    return [replace(clause, score=raised * clause.score / best) for clause in clauses]


def _query(question: str, named: ReferencedArticles) -> str:
    """Return the search query, in which an article's number is replaced by its section titles."""
    if not named.articles:
        return question
    return " ".join((without_references(question), *named.articles[0].section_path[-3:]))
