"""One version of the corpus opened for search: exact references first, then hybrid search.

Not thread-safe: `library` runs it in a single thread.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain, islice
from pathlib import Path

from ai_core.law.agreements import AgreementFinder
from ai_core.law.corpus import Corpus
from ai_core.law.records import (
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
from ai_core.law.search import hybrid, semantic
from ai_core.law.search.agreement_search import AgreementSearch
from ai_core.law.search.hybrid import Hit, HybridSearch
from ai_core.law.search.indexing import build_lexical
from ai_core.law.search.scope import Evidence, ScopeClassifier
from ai_core.law.search.stems import without_references

_FICHE_SHARE = 4
"""One passage in so many is a fiche's when no kind is asked for."""

_AGREEMENT_SHARE = 3


@dataclass(frozen=True, slots=True)
class ReferencedArticles:
    """The articles a question names, and its references that resolve to none."""

    articles: tuple[Article, ...]
    missing: tuple[str, ...]
    other_code: tuple[str, ...]


class CorpusIndex:
    """A version of the corpus with its indexes; builds the lexical one when it is missing."""

    def __init__(self, directory: Path) -> None:
        if not (directory / hybrid.FOLDER).exists():
            build_lexical(directory)
        self.directory = directory
        self.corpus = Corpus(directory)
        self.hybrid = HybridSearch(directory)
        evidence = Evidence.open(directory / hybrid.FOLDER / "scope.npz")
        self._scopes = ScopeClassifier(evidence, self.hybrid.stemmer)
        self._finder = AgreementFinder(self.corpus.agreements())
        self._agreements = AgreementSearch(self.corpus, self.hybrid.stemmer)

    def close(self) -> None:
        """Close the corpus file."""
        self.corpus.close()

    def outdated(self) -> bool:
        """Whether the semantic index was built since this index was opened."""
        return self.hybrid.semantic is None and (self.directory / semantic.FOLDER).exists()

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
        scope, neighbour = self._scopes.of(question)
        if named.articles or named.missing or (match and match.basis is not MatchBasis.CHOSEN):
            scope, neighbour = QuestionScope.LABOUR_LAW, None
        query = _query(question, named)
        if scope is QuestionScope.UNCLEAR:
            query = self._scopes.without_small_talk(query)
        return SearchResult(
            passages=tuple(self._passages(query, named, match, limit, kind, as_of)),
            scope=scope,
            exact=tuple(article.number for article in named.articles),
            missing=named.missing,
            other_code=named.other_code,
            agreement=match.agreement if match else None,
            agreement_match=match,
            neighbour=neighbour,
            confidence=Confidence.HIGH if named.articles else Confidence.MEDIUM,
        )

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
        question: str,
        named: ReferencedArticles,
        match: AgreementMatch | None,
        limit: int,
        kind: SourceKind | None,
        day: date,
    ) -> list[Passage]:
        stems = self.hybrid.stemmer(question)
        if kind is SourceKind.ARTICLE:
            return self._clearest(self._articles(question, stems, named, limit, day), stems)
        if kind is SourceKind.FICHE:
            return self._clearest(self.hybrid.fiches(stems, limit), stems)
        if kind is SourceKind.AGREEMENT:
            return self._agreements.passages(match, limit)
        fiches = self.hybrid.fiches(stems, limit // _FICHE_SHARE)
        agreed = self._agreements.passages(match, limit // _AGREEMENT_SHARE)
        rest = limit - len(fiches) - len(agreed)
        articles = self._articles(question, stems, named, rest, day)
        return agreed + self._clearest([*articles, *fiches], stems)

    def _articles(
        self, question: str, stems: Sequence[str], named: ReferencedArticles, limit: int, day: date
    ) -> list[Hit]:
        """Return the articles named, then the best of the others."""
        position = self.hybrid.metadata.position
        scores = {position(article.id): 1.0 for article in named.articles}
        for hit in self.hybrid.articles(question, stems, day, limit):
            scores.setdefault(hit.source, hit.score)
        return [Hit(source, score) for source, score in list(scores.items())[:limit]]

    def _clearest(self, hits: Sequence[Hit], stems: Sequence[str]) -> list[Passage]:
        """Return of each source found the passage with most of the question's stems.

        Ties go to the first. The passages of all hits are read at once.
        """
        wanted = set(stems)
        rows = [self.hybrid.metadata.pieces(hit.source) for hit in hits]
        passages = iter(self.corpus.passages_at(list(chain.from_iterable(rows))))

        def shared_stems(passage: Passage) -> int:
            return len(wanted.intersection(self.hybrid.stemmer(passage.text)))

        found: list[Passage] = []
        for hit, own_rows in zip(hits, rows, strict=True):
            own = list(islice(passages, len(own_rows)))
            clearest = own[0] if len(own) == 1 else max(own, key=shared_stems)
            found.append(replace(clearest, score=hit.score))
        return found


def _query(question: str, named: ReferencedArticles) -> str:
    """Return the search query, in which an article's number is replaced by its section titles."""
    if not named.articles:
        return question
    return " ".join((without_references(question), *named.articles[0].section_path[-3:]))
