"""What an answer needs of the law: the seam between the story and `ai_core.law`."""

from datetime import date
from typing import Protocol

from ai_core.law.records import Article, CorpusStatus, FicheSection, Found, Kind


class LawSource(Protocol):
    """The law, searchable."""

    async def search(
        self,
        question: str,
        *,
        limit: int,
        kind: Kind | None = None,
        agreement: str | None = None,
        as_of: date,
    ) -> Found:
        """Return the passages nearest to a question, best first, and what else is known of it.

        Raises UnknownAgreement, CorpusMissing, QueueFull.
        """
        ...

    async def article(self, number: str, as_of: date) -> Article:
        """Return the article in force on a day that bears a number; raises UnknownArticle."""
        ...

    async def fiches_citing(self, cid: str) -> tuple[FicheSection, ...]:
        """Return the fiche sections that cite an article, by its lasting id."""
        ...

    async def status(self) -> CorpusStatus:
        """Return what is known of the corpus; raises CorpusMissing."""
        ...
