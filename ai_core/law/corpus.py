"""One version of the law, opened for reading: articles, fiches, agreements, and their passages.

Nothing is cached in memory: each call is a query on the corpus file. Calls take well under a
millisecond except those that walk the whole corpus, which is for building indexes.

Passages of articles and fiches are numbered from zero (their *row*), in the order of the code and
then of the fiches; a search index built from `passages` gives rows back to `passages_at`.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import chain
from pathlib import Path

from ai_core.errors import CorpusRefused
from ai_core.law import store
from ai_core.law.agreement_texts import describe
from ai_core.law.records import (
    Agreement,
    Article,
    FicheSection,
    Passage,
    SourceKind,
    Wording,
)
from ai_core.law.references import canonical
from ai_core.law.splitting import split, table_header
from ai_core.law.store import CorpusFile, Counts, Row

_BATCH_ROWS = 500
_LEGIFRANCE = "https://www.legifrance.gouv.fr"


def article_url(article_id: str) -> str:
    """Return the page of one version of an article."""
    return f"{_LEGIFRANCE}/codes/article_lc/{article_id}"


def _check_format(facts: Mapping[str, str]) -> None:
    if facts.get("format") != str(store.FORMAT):
        raise ValueError("it was imported by another release: run ./neo corpus update")


def _date(stored: str | None) -> date | None:
    return date.fromisoformat(stored) if stored else None


def _article(row: Row) -> Article:
    article_id, cid, number, path, text, html, nota, since, until = row
    return Article(
        id=article_id,
        cid=cid,
        number=number,
        section_path=tuple(json.loads(path)),
        text=text,
        html=html,
        nota=nota,
        in_force_since=date.fromisoformat(since),
        in_force_until=_date(until),
        url=article_url(article_id),
    )


def _fiche_section(row: Row) -> FicheSection:
    section_id, fiche_title, section_title, text, url, updated, cited = row
    return FicheSection(
        id=section_id,
        fiche_title=fiche_title,
        section_title=section_title,
        text=text,
        url=url,
        updated=_date(updated),
        cited=tuple(json.loads(cited)),
    )


def _article_passage(row: Row) -> tuple[int, Passage]:
    position, article_id, number, path, text, start, goes_on, header, since, until = row
    titles = tuple(json.loads(path))
    return position, Passage(
        kind=SourceKind.ARTICLE,
        id=article_id,
        number=number,
        title=titles[-1] if titles else "",
        section_path=titles,
        text=text,
        url=article_url(article_id),
        score=0.0,
        in_force_since=date.fromisoformat(since),
        in_force_until=_date(until),
        start=start,
        goes_on=bool(goes_on),
        table_header=header,
    )


def _whole_article(article: Article) -> Passage:
    return Passage(
        kind=SourceKind.ARTICLE,
        id=article.id,
        number=article.number,
        title=article.section_path[-1] if article.section_path else "",
        section_path=article.section_path,
        text=article.text,
        url=article.url,
        score=0.0,
        in_force_since=article.in_force_since,
        in_force_until=article.in_force_until,
    )


def _whole_section(section: FicheSection) -> Passage:
    return Passage(
        kind=SourceKind.FICHE,
        id=section.id,
        number="",
        title=section.fiche_title,
        section_path=(section.fiche_title, section.section_title),
        text=section.text,
        url=section.url,
        score=0.0,
        updated=section.updated,
    )


def _fiche_passage(row: Row) -> tuple[int, Passage]:
    position, section_id, fiche_title, section_title, text, start, goes_on, header, url, updated = (
        row
    )
    return position, Passage(
        kind=SourceKind.FICHE,
        id=section_id,
        number="",
        title=fiche_title,
        section_path=(fiche_title, section_title),
        text=text,
        url=url,
        score=0.0,
        updated=_date(updated),
        start=start,
        goes_on=bool(goes_on),
        table_header=header,
    )


def _agreement_passages(agreement: Agreement, row: Row) -> Iterator[Passage]:
    article_id, number, encoded_path, whole, amended, extended = row
    path = tuple(json.loads(encoded_path))
    text = replace(describe(path), extended=bool(extended))
    since = _date(amended)
    for start, stop in split(whole):
        yield Passage(
            kind=SourceKind.AGREEMENT,
            id=article_id,
            number=f"IDCC {agreement.idcc} art. {number}" if number else f"IDCC {agreement.idcc}",
            title=agreement.short_title,
            section_path=path,
            text=whole[start:stop],
            url=f"{_LEGIFRANCE}/conv_coll/id/{article_id}",
            score=0.0,
            in_force_since=since,
            updated=max(filter(None, (since, text.signed)), default=None),
            start=start,
            goes_on=stop < len(whole.rstrip()),
            table_header=table_header(whole, start),
            agreement_text=text,
        )


class Corpus:
    """One version of the corpus, in the folder `directory`, where indexes of it may lie beside it.

    Safe to share between threads. Raises CorpusRefused when the file is missing or damaged.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        try:
            self._store = CorpusFile(directory / store.FILE_NAME)
            facts: dict[str, str] = dict(self._store.rows(store.FACTS))
            _check_format(facts)
            self.version: str = facts["version"]
            self.law_date: date = date.fromisoformat(facts["law_date"])
            self.imported_at: str = facts["imported_at"]
            self.counts = Counts(**{name: int(facts[name]) for name in Counts.__slots__})
        except (sqlite3.Error, KeyError, ValueError) as error:
            raise CorpusRefused(f"corpus {directory.name} cannot be read: {error}") from error

    def intact(self) -> bool:
        """Whether the whole file is well formed; reads all of it."""
        try:
            return self._store.intact()
        except sqlite3.DatabaseError:
            return False

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    def in_force(self, day: date) -> int:
        """Count the articles in force on `day`."""
        return int(self._store.rows(store.IN_FORCE_COUNT, day=day.isoformat())[0][0])

    def articles(self) -> Iterator[Article]:
        """Walk every version of every article, in the order of the code."""
        for row in self._walk(store.ARTICLES, self.counts.articles):
            yield _article(row)

    def article(self, article_id: str) -> Article | None:
        """Return the version with that id (LEGIARTI…)."""
        found = self._store.rows(store.ARTICLE_BY_ID, id=article_id)
        return _article(found[0]) if found else None

    def by_number(self, number: str, day: date) -> tuple[Article, ...]:
        """Return the articles in force on `day` with that number, however it is spelled."""
        return self._articles(store.ARTICLES_BY_SPELLING, day, spelling=canonical(number))

    def by_cid(self, cid: str, day: date) -> tuple[Article, ...]:
        """Return the version of an article in force on `day`, by its version-independent id."""
        return self._articles(store.ARTICLES_BY_CID, day, cid=cid)

    def between(self, first: Article, last: Article, day: date) -> tuple[Article, ...]:
        """Return the articles in force on `day` from one to another, in the order of the code."""
        return self._articles(store.ARTICLES_BETWEEN, day, first=first.id, last=last.id)

    def section_from(self, first: Article, day: date) -> tuple[Article, ...]:
        """Return an article and those after it in the same section, in force on `day`."""
        return self._articles(store.ARTICLES_OF_SECTION_FROM, day, first=first.id)

    def wording(self, source_id: str, day: date) -> Wording | None:
        """Return what an article of the Code, a clause of an agreement or a fiche says on `day`.

        `source_id` is the id of any version (LEGIARTI…, KALIARTI…), the lasting one (cid), an
        article's number or a fiche section's id: the version in force is returned. None when the
        corpus has none, and when several clauses or articles in force share it.
        """
        if found := self._store.rows(store.CURRENT_CLAUSE_BY_ID, id=source_id):
            return Wording(*found[0])
        if len(found := self._store.rows(store.CURRENT_CLAUSES_BY_CID, cid=source_id)) == 1:
            return Wording(*found[0])
        if section := self.fiche_section(source_id):
            return Wording(section.id, "", section.text)
        version = self.article(source_id)
        articles = self.by_cid(version.cid if version else source_id, day)
        articles = articles or self.by_number(source_id, day)
        if len(articles) != 1:
            return None
        return Wording(articles[0].id, articles[0].number, articles[0].text)

    def version_text(self, version_id: str) -> str | None:
        """Return the text of a version of an article by its id, in force or not."""
        article = self.article(version_id)
        return article.text if article else None

    def whole(self, source_id: str, idcc: str | None, day: date) -> Passage | None:
        """Return an article, a clause of the agreement `idcc` or a fiche section as one passage.

        See `wording` for the ids. None for one that is not in force on `day`.
        """
        found = self.wording(source_id, day)
        if found is None:
            return None
        if idcc is not None:
            pieces = self.passages_of_clauses(idcc, [found.id]).get(found.id, ())
            return replace(pieces[0], text=found.text, goes_on=False) if pieces else None
        if section := self.fiche_section(found.id):
            return _whole_section(section)
        article = self.article(found.id)
        return _whole_article(article) if article else None

    def fiche_sections(self) -> Iterator[FicheSection]:
        """Walk the sections of the ministry's fiches."""
        for row in self._walk(store.FICHE_SECTIONS, self.counts.fiche_sections):
            yield _fiche_section(row)

    def fiche_section(self, section_id: str) -> FicheSection | None:
        """Return the section of a fiche with that id."""
        found = self._store.rows(store.FICHE_SECTION_BY_ID, id=section_id)
        return _fiche_section(found[0]) if found else None

    def fiches_citing(self, cid: str) -> tuple[FicheSection, ...]:
        """Return the fiche sections that cite an article, by its version-independent id."""
        return tuple(map(_fiche_section, self._store.rows(store.FICHE_SECTIONS_CITING, cid=cid)))

    def agreements(self) -> tuple[Agreement, ...]:
        """Return the collective agreements, by IDCC."""
        return tuple(Agreement(*row) for row in self._store.rows(store.AGREEMENTS))

    def agreement(self, idcc: str) -> Agreement | None:
        """Return the agreement with that IDCC (four digits)."""
        found = self._store.rows(store.AGREEMENT_BY_IDCC, idcc=idcc)
        return Agreement(*found[0]) if found else None

    def agreement_passages(self, idcc: str) -> tuple[Passage, ...]:
        """Return the passages of one agreement, in its order.

        Article numbers restart in each text of the agreement, so only the path is unique.
        """
        agreement = self.agreement(idcc)
        if agreement is None:
            return ()
        rows = self._store.rows(store.AGREEMENT_ARTICLES, idcc=idcc)
        return tuple(chain.from_iterable(_agreement_passages(agreement, row) for row in rows))

    def passages_of_clauses(self, idcc: str, ids: Sequence[str]) -> dict[str, tuple[Passage, ...]]:
        """Return the passages of some clauses of an agreement, by the clause's id."""
        agreement = self.agreement(idcc)
        if agreement is None:
            return {}
        rows = self._store.rows(
            store.AGREEMENT_ARTICLES_BY_ID, idcc=idcc, ids=json.dumps(list(ids))
        )
        return {row[0]: tuple(_agreement_passages(agreement, row)) for row in rows}

    def passages(self) -> Iterator[Passage]:
        """Walk the passages of articles and fiches, by row."""
        for first in range(0, self.counts.pieces, _BATCH_ROWS):
            yield from self.passages_at(range(first, min(first + _BATCH_ROWS, self.counts.pieces)))

    def passages_at(self, rows: Sequence[int]) -> tuple[Passage, ...]:
        """Return the passages of these rows, in the order given.

        Raises KeyError for a row the corpus does not have.
        """
        articles = self._store.rows_at(store.ARTICLE_PIECES_AT, rows)
        fiches = self._store.rows_at(store.FICHE_PIECES_AT, rows)
        found = dict([*map(_article_passage, articles), *map(_fiche_passage, fiches)])
        return tuple(found[row] for row in rows)

    def _articles(self, query: str, day: date, **values: str) -> tuple[Article, ...]:
        return tuple(map(_article, self._store.rows(query, day=day.isoformat(), **values)))

    def _walk(self, query: str, count: int) -> Iterator[Row]:
        for first in range(0, count, _BATCH_ROWS):
            yield from self._store.rows(query, first=first, last=first + _BATCH_ROWS - 1)
