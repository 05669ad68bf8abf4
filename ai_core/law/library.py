"""The way into the law for the rest of ai_core.

Every question about the law is answered in one thread of its own, so nothing blocks the event
loop and no index is shared between threads. A new version of the corpus, or an embedding learned
since, is noticed at the next question; questions already under way finish on the old one.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import TypeVar

import structlog

from ai_core.errors import CorpusMissing, QueueFull, UnknownArticle
from ai_core.law.index import Edition
from ai_core.law.ingest.update import corpus_status
from ai_core.law.records import Article, CorpusStatus, FicheSection, Found, Kind
from ai_core.law.versions import Shelf

MOST_WAITING = 32
"""Questions that may wait: one takes about 5 ms to search and as much to answer, so that under any
number of callers the last one let in still has its answer within a second."""

_log = structlog.get_logger()

T = TypeVar("T")


class Library:
    """Searches the corpus in service and reads from it. Close it when done."""

    def __init__(self, shelf: Shelf, *, most_waiting: int = MOST_WAITING) -> None:
        self._shelf = shelf
        self._most_waiting = most_waiting
        self._waiting = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="library")
        self._mark: tuple[int, int] | None = None
        self._edition: Edition | None = None

    async def search(
        self,
        question: str,
        *,
        limit: int = 10,
        kind: Kind | None = None,
        agreement: str | None = None,
        as_of: date,
    ) -> Found:
        """Find the passages that bear on a question, best first, at most `limit`.

        Articles the question names come first. With no `kind`, the passages of the agreement
        lead, if one is given (`agreement`, an IDCC) or named, and some fiche sections close. A
        score compares passages of one kind in one answer, nothing else. Raises CorpusMissing,
        QueueFull, UnknownAgreement.
        """
        return await self._ask(
            lambda edition: edition.search(
                question, limit=limit, kind=kind, agreement=agreement, as_of=as_of
            )
        )

    async def article(self, number: str, as_of: date) -> Article:
        """Return the article in force on a day that bears a number, however it is spelled.

        An article's id (LEGIARTI…) gives that version, whatever the day. Raises UnknownArticle,
        CorpusMissing, QueueFull.
        """

        def read(edition: Edition) -> Article:
            found = edition.corpus.by_number(number, as_of)
            article = found[0] if found else edition.corpus.article(number.upper())
            if article is None:
                raise UnknownArticle(f"no article {number} on {as_of}", number=number)
            return article

        return await self._ask(read)

    async def fiches_citing(self, cid: str) -> tuple[FicheSection, ...]:
        """Return the fiche sections that refer to an article, by its lasting id."""
        return await self._ask(lambda edition: edition.corpus.fiches_citing(cid))

    async def status(self) -> CorpusStatus:
        """Describe the corpus in service; `semantic` is false while the embedding is learned."""
        return await self._ask(lambda edition: corpus_status(self._shelf, edition.corpus))

    async def close(self) -> None:
        """Let the questions under way finish, then close the corpus."""
        await asyncio.to_thread(self._thread.shutdown)
        if self._edition:
            self._edition.close()

    async def _ask(self, answer: Callable[[Edition], T]) -> T:
        if self._waiting >= self._most_waiting:
            raise QueueFull("too many questions wait for the library", retry_after_s=1)
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, lambda: answer(self._current()))
        finally:
            self._waiting -= 1

    def _current(self) -> Edition:
        mark = self._shelf.mark()
        if self._edition is None or mark != self._mark or self._edition.outdated():
            self._reopen(mark)
        if self._edition is None:
            raise CorpusMissing(retry_after_s=30)
        return self._edition

    def _reopen(self, mark: tuple[int, int] | None) -> None:
        """Open the version in service; one that cannot be read leaves the one before."""
        version = self._shelf.current()
        if version is None:
            return
        self._mark = mark
        try:
            opened = Edition(self._shelf.place(version))
        except (sqlite3.Error, OSError, KeyError) as error:
            _log.error("corpus_unreadable", version=version, reason=str(error))
            return
        if self._edition:
            self._edition.close()
        self._edition = opened
