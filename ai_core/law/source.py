"""The interface of the law for answering; `library.Library` implements it."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from ai_core.law.records import (
    Agreement,
    AgreementLookup,
    AgreementMatch,
    Article,
    CorpusStatus,
    FicheSection,
    Passage,
    SearchResult,
    SourceKind,
    Wording,
)
from ai_core.law.search.encoder import Vectors


class LawSource(Protocol):
    """The law, searchable."""

    async def search(
        self,
        question: str,
        *,
        limit: int,
        kind: SourceKind | None = None,
        agreement: str | None = None,
        as_of: date,
    ) -> SearchResult:
        """Return the passages relevant to a question, best first, with its scope and references.

        Raises UnknownAgreement, CorpusMissing, QueueFull.
        """
        ...

    async def meaning(self, text: str) -> Vectors | None:
        """Return the multilingual embedding of a text, of length 1; None without the encoder.

        Raises CorpusMissing, QueueFull.
        """
        ...

    async def agreements_named(self, texts: Sequence[str]) -> tuple[Agreement | None, ...]:
        """Return the agreement that each text names, or None; raises CorpusMissing, QueueFull."""
        ...

    async def agreement_of(self, texts: Sequence[str], chosen: str | None) -> AgreementMatch | None:
        """Return the agreement of a conversation: the first of `texts` that names one decides.

        `chosen` is the IDCC that a request gives. Raises UnknownAgreement, CorpusMissing,
        QueueFull.
        """
        ...

    async def agreement_meant(self, written: str) -> AgreementLookup:
        """Return the agreement that a number or a name means, or those near it.

        Raises CorpusMissing, QueueFull.
        """
        ...

    async def cited(
        self, sources: Sequence[tuple[str, str | None]], as_of: date
    ) -> tuple[Passage | None, ...]:
        """Return articles of the Code, and clauses of an agreement, whole, by their ids.

        A source is the id of any version, or the lasting one, and the IDCC of a clause's agreement.
        None for one that is not in force. Raises CorpusMissing, QueueFull.
        """
        ...

    async def article(self, number: str, as_of: date) -> Article:
        """Return the article in force on a day by its number; raises UnknownArticle."""
        ...

    async def fiches_citing(self, cid: str) -> tuple[FicheSection, ...]:
        """Return the fiche sections that cite an article, by its version-independent id."""
        ...

    async def wordings(self, source_ids: Sequence[str], as_of: date) -> dict[str, Wording]:
        """Return what articles and clauses say on a day, by the ids given; raises CorpusMissing."""
        ...

    async def status(self) -> CorpusStatus:
        """Describe the corpus in service; raises CorpusMissing."""
        ...
