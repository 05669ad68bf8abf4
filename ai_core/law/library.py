"""Asynchronous access to the law for the rest of ai_core: search, articles, status.

All reads run in one thread, so that nothing blocks the event loop and no index is shared between
threads. A new version of the corpus, or an embedding trained meanwhile, is opened at the next read;
reads in progress finish on the old one.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import TypeVar

import structlog

from ai_core.errors import CorpusMissing, CorpusRefused, QueueFull, UnknownArticle
from ai_core.law.corpus_index import CorpusIndex
from ai_core.law.ingest.update import corpus_status
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
from ai_core.law.versions import CorpusVersions

MOST_WAITING = 32
"""Questions that may wait: one takes about 5 ms to search and as much to answer, so that under any
number of callers the last one let in still has its answer within a second."""

_log = structlog.get_logger()

T = TypeVar("T")


class Library:
    """Searches the corpus in service and reads from it; `close` ends its thread."""

    def __init__(self, versions: CorpusVersions, *, most_waiting: int = MOST_WAITING) -> None:
        self._versions = versions
        self._most_waiting = most_waiting
        self._waiting = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="library")
        self._stamp: tuple[int, int] | None = None
        self._index: CorpusIndex | None = None

    async def search(
        self,
        question: str,
        *,
        limit: int = 10,
        kind: SourceKind | None = None,
        agreement: str | None = None,
        as_of: date,
    ) -> SearchResult:
        """Return at most `limit` passages relevant to a question, best first (see `ai_core.law`).

        Articles the question names come first. With no `kind`, articles, fiche sections and clauses
        of the agreement given (`agreement`, an IDCC) or named stand in one list by relevance.
        Misspelt words are repaired for the search. Raises CorpusMissing, QueueFull,
        UnknownAgreement.
        """
        return await self._run(
            lambda index: index.search(
                question, limit=limit, kind=kind, agreement=agreement, as_of=as_of
            )
        )

    async def meaning(self, text: str) -> Vectors | None:
        """Return the embedding of a text; see `LawSource.meaning`."""
        return await self._run(
            lambda index: index.hybrid.encoder.embedded(text) if index.hybrid.encoder else None
        )

    async def agreements_named(self, texts: Sequence[str]) -> tuple[Agreement | None, ...]:
        """Return the agreement that each text names, or None.

        Raises CorpusMissing, QueueFull.
        """
        return await self._run(lambda index: tuple(map(index.agreement_named, texts)))

    async def agreement_of(self, texts: Sequence[str], chosen: str | None) -> AgreementMatch | None:
        """Return the agreement of a conversation; see `LawSource.agreement_of`."""
        return await self._run(lambda index: index.agreement_of(texts, chosen))

    async def agreement_meant(self, written: str) -> AgreementLookup:
        """Return the agreement that a number or a name means; see `LawSource.agreement_meant`."""
        return await self._run(lambda index: index.agreement_meant(written))

    async def cited(
        self, sources: Sequence[tuple[str, str | None]], as_of: date
    ) -> tuple[Passage | None, ...]:
        """Return articles and clauses, whole, by their ids; see `LawSource.cited`."""
        return await self._run(
            lambda index: tuple(index.corpus.whole(one, idcc, as_of) for one, idcc in sources)
        )

    async def article(self, number: str, as_of: date) -> Article:
        """Return the article in force on a day by its number, however it is spelled.

        An article's id (LEGIARTI…) gives that version, whatever the day. Raises UnknownArticle,
        CorpusMissing, QueueFull.
        """

        def read(index: CorpusIndex) -> Article:
            found = index.corpus.by_number(number, as_of)
            article = found[0] if found else index.corpus.article(number.upper())
            if article is None:
                raise UnknownArticle(f"no article {number} on {as_of}", number=number)
            return article

        return await self._run(read)

    async def wordings(self, source_ids: Sequence[str], as_of: date) -> dict[str, Wording]:
        """Return what articles and clauses say on a day, by the ids given (see `Corpus.wording`).

        Ids that the corpus does not know are left out. Raises CorpusMissing, QueueFull.
        """

        def read(index: CorpusIndex) -> dict[str, Wording]:
            found = {one: index.corpus.wording(one, as_of) for one in source_ids}
            return {one: wording for one, wording in found.items() if wording}

        return await self._run(read)

    async def fiches_citing(self, cid: str) -> tuple[FicheSection, ...]:
        """Return the fiche sections that cite an article, by its version-independent id."""
        return await self._run(lambda index: index.corpus.fiches_citing(cid))

    async def status(self) -> CorpusStatus:
        """Describe the corpus in service; `semantic` is false while the embedding is trained."""
        return await self._run(lambda index: corpus_status(self._versions, index.corpus))

    async def close(self) -> None:
        """Let the reads in progress finish, then close the corpus."""
        await asyncio.to_thread(self._thread.shutdown)
        if self._index:
            self._index.close()

    async def _run(self, read: Callable[[CorpusIndex], T]) -> T:
        if self._waiting >= self._most_waiting:
            raise QueueFull("too many questions wait for the library", retry_after_s=1)
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, lambda: read(self._current()))
        finally:
            self._waiting -= 1

    def _current(self) -> CorpusIndex:
        stamp = self._versions.stamp()
        if self._index is None or stamp != self._stamp or self._index.outdated():
            self._reopen(stamp)
        if self._index is None:
            raise CorpusMissing(retry_after_s=30)
        return self._index

    def _reopen(self, stamp: tuple[int, int] | None) -> None:
        """Open the version in service; if it cannot be read, the previous one stays open."""
        version = self._versions.current()
        if version is None:
            return
        self._stamp = stamp
        try:
            opened = CorpusIndex(self._versions.folder(version))
        except (CorpusRefused, sqlite3.Error, OSError, KeyError) as error:
            _log.error("corpus unreadable", version=version, reason=str(error))
            return
        if self._index:
            self._index.close()
        self._index = opened
