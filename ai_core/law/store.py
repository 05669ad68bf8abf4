"""The corpus file: its tables, its named queries, and how it is opened. All SQL is here.

One SQLite file holds one version of the corpus. It is written once, then only read; rows are
numbered from zero in the order of the code, so "the next article" is the next row.
"""

import json
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE_NAME = "law.sqlite"

FORMAT = 3
"""Counts up when the corpus file changes shape or content for the same archives."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Number of records in a corpus."""

    articles: int
    fiches: int
    fiche_sections: int
    agreements: int
    agreement_articles: int
    pieces: int


SCHEMA = """
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE section (row INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE);
CREATE TABLE article (
    row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, cid TEXT NOT NULL, number TEXT NOT NULL,
    spelling TEXT NOT NULL, section INTEGER NOT NULL REFERENCES section, text TEXT NOT NULL,
    html TEXT, nota TEXT, since TEXT NOT NULL, until TEXT
);
CREATE INDEX article_by_cid ON article (cid);
CREATE INDEX article_by_section ON article (section);
CREATE INDEX article_by_spelling ON article (spelling);
CREATE TABLE fiche_section (
    row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, fiche_title TEXT NOT NULL,
    section_title TEXT NOT NULL, text TEXT NOT NULL, url TEXT NOT NULL, updated TEXT,
    cited TEXT NOT NULL
);
CREATE TABLE fiche_citation (
    cid TEXT NOT NULL, fiche_section INTEGER NOT NULL REFERENCES fiche_section,
    PRIMARY KEY (cid, fiche_section)
) WITHOUT ROWID;
CREATE TABLE agreement (
    idcc TEXT PRIMARY KEY, id TEXT NOT NULL, title TEXT NOT NULL, short_title TEXT NOT NULL,
    url TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE agreement_article (
    row INTEGER PRIMARY KEY, idcc TEXT NOT NULL REFERENCES agreement, id TEXT NOT NULL,
    cid TEXT NOT NULL, number TEXT NOT NULL, section INTEGER NOT NULL REFERENCES section,
    text TEXT NOT NULL, since TEXT, extended INTEGER NOT NULL
);
CREATE INDEX agreement_article_by_idcc ON agreement_article (idcc);
CREATE INDEX agreement_article_by_id ON agreement_article (id);
CREATE INDEX agreement_article_by_cid ON agreement_article (cid);
CREATE TABLE piece (
    row INTEGER PRIMARY KEY, article INTEGER REFERENCES article,
    fiche_section INTEGER REFERENCES fiche_section, start INTEGER NOT NULL, stop INTEGER NOT NULL,
    table_header TEXT NOT NULL
);
"""

_ARTICLE = (
    "SELECT id, cid, number, path, text, html, nota, since, until "
    "FROM article JOIN section ON section.row = article.section "
)
_IN_FORCE = "AND since <= :day AND (until IS NULL OR until > :day) "
_FICHE_SECTION = (
    "SELECT id, fiche_title, section_title, text, url, updated, cited FROM fiche_section "
)
_AGREEMENT = "SELECT id, idcc, title, short_title, url FROM agreement "

FACTS = "SELECT name, value FROM fact"
ARTICLES = _ARTICLE + "WHERE article.row BETWEEN :first AND :last ORDER BY article.row"
ARTICLE_BY_ID = _ARTICLE + "WHERE id = :id"
ARTICLES_BY_CID = _ARTICLE + "WHERE cid = :cid " + _IN_FORCE + "ORDER BY article.row"
ARTICLES_BY_SPELLING = _ARTICLE + "WHERE spelling = :spelling " + _IN_FORCE + "ORDER BY article.row"
_BETWEEN = (
    "WHERE article.row BETWEEN (SELECT row FROM article WHERE id = :first) "
    "AND (SELECT row FROM article WHERE id = :last) "
)
ARTICLES_BETWEEN = _ARTICLE + _BETWEEN + _IN_FORCE + "ORDER BY article.row"
_SECTION_FROM = (
    "WHERE article.row >= (SELECT row FROM article WHERE id = :first) "
    "AND section = (SELECT section FROM article WHERE id = :first) "
)
ARTICLES_OF_SECTION_FROM = _ARTICLE + _SECTION_FROM + _IN_FORCE + "ORDER BY article.row"
IN_FORCE_COUNT = (
    "SELECT count(*) FROM article WHERE since <= :day AND (until IS NULL OR until > :day)"
)
FICHE_SECTIONS = _FICHE_SECTION + "WHERE row BETWEEN :first AND :last ORDER BY row"
FICHE_SECTION_BY_ID = _FICHE_SECTION + "WHERE id = :id"
_CITING = "WHERE row IN (SELECT fiche_section FROM fiche_citation WHERE cid = :cid) ORDER BY row"
FICHE_SECTIONS_CITING = _FICHE_SECTION + _CITING
AGREEMENTS = _AGREEMENT + "ORDER BY idcc"
AGREEMENT_BY_IDCC = _AGREEMENT + "WHERE idcc = :idcc"
AGREEMENT_ARTICLES = (
    "SELECT id, number, path, text, since, extended FROM agreement_article "
    "JOIN section ON section.row = agreement_article.section "
    "WHERE idcc = :idcc ORDER BY agreement_article.row"
)
AGREEMENT_ARTICLES_BY_ID = (
    "SELECT id, number, path, text, since, extended FROM agreement_article "
    "JOIN section ON section.row = agreement_article.section "
    "WHERE idcc = :idcc AND id IN (SELECT value FROM json_each(:ids))"
)
_CURRENT_CLAUSE = "SELECT DISTINCT id, number, text FROM agreement_article "
CURRENT_CLAUSE_BY_ID = _CURRENT_CLAUSE + "WHERE id = :id LIMIT 1"
CURRENT_CLAUSES_BY_CID = _CURRENT_CLAUSE + "WHERE cid = :cid"
TEXTS_OF_CODE = (
    "SELECT cid, number, id, text FROM article "
    "WHERE since <= :day AND (until IS NULL OR until > :day) ORDER BY row"
)
TEXTS_OF_CLAUSES = "SELECT idcc, cid, number, id, text FROM agreement_article ORDER BY row"
TEXTS_OF_FICHES = "SELECT id, fiche_title, section_title, text FROM fiche_section ORDER BY row"
_ARTICLE_PIECE = (
    "SELECT piece.row, id, number, path, substr(text, start + 1, stop - start), start, "
    "stop < length(rtrim(text, ' ' || char(10))), table_header, "
    "since, until FROM piece JOIN article ON article.row = piece.article "
    "JOIN section ON section.row = article.section "
)
_FICHE_PIECE = (
    "SELECT piece.row, id, fiche_title, section_title, substr(text, start + 1, stop - start), "
    "start, stop < length(rtrim(text, ' ' || char(10))), table_header, url, updated FROM piece "
    "JOIN fiche_section ON fiche_section.row = piece.fiche_section "
)
_WANTED = "WHERE piece.row IN (SELECT value FROM json_each(:rows)) ORDER BY piece.row"
ARTICLE_PIECES_AT = _ARTICLE_PIECE + _WANTED
FICHE_PIECES_AT = _FICHE_PIECE + _WANTED

INSERT_FACT = "INSERT INTO fact VALUES (?, ?)"
INSERT_SECTION = "INSERT INTO section VALUES (?, ?)"
INSERT_ARTICLE = "INSERT INTO article VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
INSERT_FICHE_SECTION = "INSERT INTO fiche_section VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
INSERT_FICHE_CITATION = "INSERT OR IGNORE INTO fiche_citation VALUES (?, ?)"
INSERT_AGREEMENT = "INSERT INTO agreement VALUES (?, ?, ?, ?, ?)"
INSERT_AGREEMENT_ARTICLE = "INSERT INTO agreement_article VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
INSERT_PIECE = "INSERT INTO piece VALUES (?, ?, ?, ?, ?, ?)"

Row = tuple[Any, ...]


class CorpusFile:
    """A corpus file opened for reading; safe to share between threads."""

    def __init__(self, path: Path) -> None:
        # immutable: a published file never changes, so SQLite need not lock or look for a journal.
        self._connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
        )
        self._lock = threading.Lock()

    def rows(self, query: str, **values: str | int) -> list[Row]:
        """Run one of the named queries of this module."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def rows_at(self, query: str, rows: Sequence[int]) -> list[Row]:
        """Run a named query that takes row numbers."""
        return self.rows(query, rows=json.dumps(list(rows)))

    def intact(self) -> bool:
        """Whether SQLite finds the file well formed."""
        return self.rows("PRAGMA quick_check(1)") == [("ok",)]

    def close(self) -> None:
        """Close the file; later calls raise `sqlite3.ProgrammingError`."""
        self._connection.close()


class CorpusFileWriter:
    """A corpus file being written, complete once `commit` has returned."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path)
        # The file is built beside the corpus in service and thrown away if anything fails,
        # so a journal would only cost time; the update syncs it before it is used.
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.executescript(SCHEMA)
        self._connection.execute("BEGIN")
        self._sections: dict[str, int] = {}

    def add(self, insert: str, rows: Iterable[Sequence[str | int | None]]) -> None:
        """Add rows by one of the named inserts of this module."""
        self._connection.executemany(insert, rows)

    def section(self, path: Sequence[str]) -> int:
        """Return the row of a path of titles, adding it when it is new."""
        encoded = json.dumps(list(path), ensure_ascii=False)
        row = self._sections.get(encoded)
        if row is None:
            row = self._sections[encoded] = len(self._sections)
            self.add(INSERT_SECTION, [(row, encoded)])
        return row

    def commit(self) -> None:
        """Commit all rows; without it, closing leaves a file without rows."""
        self._connection.commit()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
