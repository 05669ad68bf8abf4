"""Metadata of every article for the search: dates, section, passages."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ai_core.law.search.duplicates import repeated
from ai_core.law.search.tokens import OPEN_END, TokenizedCorpus

Numbers = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class ArticleMetadata:
    """One value per article; dates as ordinals (date.toordinal)."""

    ids: NDArray[np.bytes_]
    since: Numbers
    until: Numbers
    section: Numbers
    first_piece: Numbers
    """Passage rows, as `TokenizedCorpus.first_pieces`: articles, fiche sections, the count."""
    updated: Numbers
    """The date of each fiche section."""
    repeated: NDArray[np.bool_]
    """Whether other fiche sections say the same as this one (see `duplicates`)."""
    fiche: Numbers
    """The fiche of each fiche section."""

    @classmethod
    def of(cls, tokens: TokenizedCorpus) -> "ArticleMetadata":
        """Build it from the tokenized corpus."""
        articles = tokens.articles
        return cls(
            ids=np.array([article.id.encode("ascii") for article in articles]),
            since=_numbers(article.in_force_since.toordinal() for article in articles),
            until=_numbers(
                article.in_force_until.toordinal() if article.in_force_until else OPEN_END
                for article in articles
            ),
            section=_numbers(tokens.sections),
            first_piece=_numbers(tokens.first_pieces),
            updated=_numbers(
                section.updated.toordinal() if section.updated else 0 for section in tokens.fiches
            ),
            repeated=np.array(repeated(tokens.fiches), bool),
            fiche=_numbers(tokens.fiche_numbers),
        )

    @classmethod
    def open(cls, path: Path) -> "ArticleMetadata":
        """Open a file that `save` wrote."""
        with np.load(path) as saved:
            return cls(**{field.name: saved[field.name] for field in fields(cls)})

    def save(self, path: Path) -> None:
        """Write it to a .npz file."""
        np.savez(path, **{field.name: getattr(self, field.name) for field in fields(self)})

    @property
    def articles(self) -> int:
        """How many articles there are."""
        return len(self.since)

    def in_force(self, day: date) -> NDArray[np.bool_]:
        """Return the mask of the articles in force on `day`."""
        today = day.toordinal()
        return (self.since <= today) & (today < self.until)

    def position(self, article_id: str) -> int:
        """Return the position of an article (LEGIARTI…)."""
        return int(np.flatnonzero(self.ids == article_id.encode("ascii"))[0])

    def pieces(self, source: int) -> range:
        """Return the passage rows of one source: an article, or `articles` + a fiche section."""
        return range(int(self.first_piece[source]), int(self.first_piece[source + 1]))


def _numbers(values: Iterable[int]) -> Numbers:
    return np.fromiter(values, np.int32)
