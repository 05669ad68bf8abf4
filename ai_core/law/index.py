"""One version of the corpus opened for search: exact references first, then what hybrid finds.

Synchronous, and for one thread only: `library` owns that thread.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np

from ai_core.errors import UnknownAgreement
from ai_core.law.agreements import AgreementFinder
from ai_core.law.corpus import Corpus
from ai_core.law.records import Agreement, Article, Found, Kind, Passage, Scope
from ai_core.law.references import find_references
from ai_core.law.resolving import resolve
from ai_core.law.search import hybrid, semantic
from ai_core.law.search.hybrid import Hybrid
from ai_core.law.search.indexing import build_lexical
from ai_core.law.search.lexical import LexicalIndex
from ai_core.law.search.scope import Evidence, Scopes
from ai_core.law.search.stems import without_references

OPEN_AGREEMENTS = 3
"""Agreement indexes kept in memory: 5 to 20 MB each."""

_FICHE_SHARE = 4
"""One passage in so many is a fiche's when no kind is asked for."""

_AGREEMENT_SHARE = 3


@dataclass(frozen=True, slots=True)
class Named:
    """What the references of a question come to."""

    articles: tuple[Article, ...]
    missing: tuple[str, ...]
    other_code: tuple[str, ...]


class Edition:
    """A version of the corpus with its indexes; builds the lexical one when it is not there."""

    def __init__(self, directory: Path) -> None:
        if not (directory / hybrid.FOLDER).exists():
            build_lexical(directory)
        self.directory = directory
        self.corpus = Corpus(directory)
        self.hybrid = Hybrid(directory)
        evidence = Evidence.open(directory / hybrid.FOLDER / "scope.npz")
        self._scopes = Scopes(evidence, self.hybrid.words)
        self._finder = AgreementFinder(self.corpus.agreements())
        self._agreements: OrderedDict[str, tuple[LexicalIndex, tuple[Passage, ...]]] = OrderedDict()

    def close(self) -> None:
        """Close the corpus file."""
        self.corpus.close()

    def outdated(self) -> bool:
        """Tell whether the semantic index appeared since this edition was opened."""
        return self.hybrid.semantic is None and (self.directory / semantic.FOLDER).exists()

    def search(
        self, question: str, *, limit: int, kind: Kind | None, agreement: str | None, as_of: date
    ) -> Found:
        """Answer `Library.search`."""
        named = self._named(question, as_of)
        chosen = self._agreement(question, agreement)
        scope, neighbour = self._scopes.of(question)
        if named.articles or named.missing or chosen:
            scope, neighbour = Scope.LABOUR_LAW, None
        subject = _subject(question, named)
        if scope is Scope.UNCLEAR:
            subject = self._scopes.without_small_talk(subject)
        return Found(
            passages=tuple(self._passages(subject, named, chosen, limit, kind, as_of)),
            scope=scope,
            exact=tuple(article.number for article in named.articles),
            missing=named.missing,
            other_code=named.other_code,
            agreement=chosen,
            neighbour=neighbour,
        )

    def _named(self, question: str, day: date) -> Named:
        articles: dict[str, Article] = {}
        missing, other = [], []
        for reference in find_references(question):
            found = resolve(reference, self.corpus, day)
            articles |= {article.id: article for article in found}
            if reference.other_code:
                other.append(reference.name)
            elif not found and reference.sure:
                missing.append(reference.name)
        return Named(tuple(articles.values()), tuple(missing), tuple(other))

    def _agreement(self, question: str, idcc: str | None) -> Agreement | None:
        if idcc is None:
            return self._finder.find(question)
        found = self.corpus.agreement(idcc.zfill(4))
        if found is None:
            raise UnknownAgreement(f"no agreement with IDCC {idcc}", idcc=idcc)
        return found

    def _passages(
        self,
        question: str,
        named: Named,
        agreement: Agreement | None,
        limit: int,
        kind: Kind | None,
        day: date,
    ) -> list[Passage]:
        stems = self.hybrid.words(question)
        if kind is Kind.ARTICLE:
            return self._articles(question, stems, named, limit, day)
        if kind is Kind.FICHE:
            return self._fiches(question, stems, limit)
        if kind is Kind.AGREEMENT:
            return self._of_agreement(agreement, stems, limit)
        fiches = self._fiches(question, stems, limit // _FICHE_SHARE)
        agreed = self._of_agreement(agreement, stems, limit // _AGREEMENT_SHARE)
        rest = limit - len(fiches) - len(agreed)
        return agreed + self._articles(question, stems, named, rest, day) + fiches

    def _articles(
        self, question: str, stems: Sequence[str], named: Named, limit: int, day: date
    ) -> list[Passage]:
        outline = self.hybrid.outline
        places = {outline.place(article.id): 1.0 for article in named.articles}
        for found in self.hybrid.articles(question, day, limit):
            places.setdefault(found.place, found.score)
        return [
            replace(self._clearest(outline.pieces(place), stems), score=score)
            for place, score in list(places.items())[:limit]
        ]

    def _fiches(self, question: str, stems: Sequence[str], limit: int) -> list[Passage]:
        outline = self.hybrid.outline
        return [
            replace(
                self._clearest(outline.pieces(outline.articles + found.place), stems),
                score=found.score,
            )
            for found in self.hybrid.fiches(question, limit)
        ]

    def _clearest(self, rows: Sequence[int], stems: Sequence[str]) -> Passage:
        """Return the passage that holds most of the question's words, the first among equals."""
        passages = self.corpus.passages_at(rows)
        if len(passages) == 1:
            return passages[0]
        asked = set(stems)
        return max(passages, key=lambda one: len(asked.intersection(self.hybrid.words(one.text))))

    def _of_agreement(
        self, agreement: Agreement | None, stems: Sequence[str], limit: int
    ) -> list[Passage]:
        if agreement is None or limit < 1:
            return []
        index, passages = self._agreement_index(agreement.idcc)
        scores = index.scores(stems)
        best = [int(row) for row in np.argsort(-scores, kind="stable")[:limit] if scores[row] > 0]
        return [replace(passages[row], score=float(scores[row] / scores[best[0]])) for row in best]

    def _agreement_index(self, idcc: str) -> tuple[LexicalIndex, tuple[Passage, ...]]:
        """Index an agreement when it is first asked for; the least recently asked for leaves."""
        if idcc not in self._agreements:
            passages = self.corpus.agreement_passages(idcc)
            words = self.hybrid.words
            texts = [words(" ".join((*one.section_path[-3:], one.text))) for one in passages]
            self._agreements[idcc] = LexicalIndex.build(texts), passages
            if len(self._agreements) > OPEN_AGREEMENTS:
                self._agreements.popitem(last=False)
        self._agreements.move_to_end(idcc)
        return self._agreements[idcc]


def _subject(question: str, named: Named) -> str:
    """Return what to search for: a number says nothing, the titles above the article do."""
    if not named.articles:
        return question
    return " ".join((without_references(question), *named.articles[0].section_path[-3:]))
