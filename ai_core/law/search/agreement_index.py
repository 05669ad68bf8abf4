"""The index of one collective agreement: where stems stand in its clauses, and what each is worth.

Making one takes 0.3 to 1.3 s, opening it some milliseconds: those of a corpus are made ahead, one
file for each agreement. Passages themselves are read from the corpus, those found only.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ai_core.law.agreement_categories import Category, categories_of
from ai_core.law.records import AgreementText, Passage, TextRank
from ai_core.law.search.agreement_terms import AgreementTerms, Phrase
from ai_core.law.search.stems import FrenchStemmer, fold

FOLDER = "agreements.2"
"""The number changes with the format, and with what `agreement_terms.toml` sets apart."""

RANK = {TextRank.BASE: 1.0, TextRank.ANNEX: 0.97, TextRank.SIDE: 0.82, TextRank.PAY: 0.6}
LOCAL = 0.4
_NOT_EXTENDED = 0.9
_AGE_COST = {TextRank.SIDE: (0.006, 0.8), TextRank.PAY: (0.03, 0.4)}
"""What a text loses for each year that newer ones are ahead of it, and what it keeps at least:
grids of pay replace each other, other side agreements mostly add up."""

_FORMAL = 0.45
_AMENDING = 0.5
_SHORT_CHARS = 500
"""A clause on the life of its text is short; what is longer may say more."""
_OPENING_CHARS = 500
_INNER_TITLE = re.compile(
    r"^[ \t]*(?:(?:Art(?:icle|\.)\s*)?(?:\d{1,3}(?:[.-]\s?\d{1,3})*|[IVX]{1,4}|[A-Za-z])"
    r"\s?[.)°:–-]+|Article\s+\d\S*)[ \t]*((?!\d)[^\n\t]{3,80}?)[ \t]*(?:\(\d\))?[ \t]*$",
    re.MULTILINE,
)
"""The numbered title of a part of a clause: "4.7.4. Travail du dimanche" in a line of its own."""
_UNTITLED = AgreementText("", TextRank.SIDE, None, None)
_CATEGORIES = tuple(Category)

Values = NDArray[np.float32]
Ids = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Postings:
    """Where stems stand: for each stem, from `starts` on, the rows that hold it, and how often."""

    stems: dict[str, int]
    starts: Ids
    rows: Ids
    times: Values
    count: int

    @classmethod
    def build(cls, bags: Iterable[Sequence[str]]) -> "Postings":
        """Build from the stems of each row."""
        held: dict[str, dict[int, int]] = {}
        count = 0
        for row, bag in enumerate(bags):
            count = row + 1
            for stem in bag:
                rows = held.setdefault(stem, {})
                rows[row] = rows.get(row, 0) + 1
        starts = np.cumsum([0, *(len(rows) for rows in held.values())], dtype=np.int32)
        flat_rows = [row for rows in held.values() for row in rows]
        flat_times = [times for rows in held.values() for times in rows.values()]
        stems = {stem: at for at, stem in enumerate(held)}
        return cls(
            stems, starts, np.array(flat_rows, np.int32), np.array(flat_times, np.float32), count
        )

    def of(self, phrase: Phrase) -> Values:
        """Return per row how often the rarest stem of a phrase occurs."""
        least: Values | None = None
        for stem in phrase:
            values = np.zeros(self.count, np.float32)
            at = self.stems.get(stem)
            if at is not None:
                held = slice(self.starts[at], self.starts[at + 1])
                values[self.rows[held]] = self.times[held]
            least = values if least is None else np.minimum(least, values)
        return np.zeros(self.count, np.float32) if least is None else least

    def arrays(self, name: str) -> dict[str, NDArray[np.generic]]:
        """Return its arrays for a .npz file, their names beginning with `name`."""
        return {
            f"{name}_stems": _encoded(self.stems),
            f"{name}_starts": self.starts,
            f"{name}_rows": self.rows,
            f"{name}_times": self.times,
        }


@dataclass(frozen=True, slots=True)
class AgreementIndex:
    """The rows of an agreement: each is the `parts`-th passage of the clause with that id.

    `standing` is what its text is worth. `apart` has a row for each of `AgreementTerms.apart`.
    """

    clauses: tuple[str, ...]
    parts: Ids
    headings: Postings
    titles: Postings
    texts: Postings
    standing: Values
    pay: NDArray[np.bool_]
    territories: tuple[str, ...]
    apart: NDArray[np.bool_]
    categories: tuple[frozenset[Category], ...]

    @classmethod
    def build(
        cls, passages: Sequence[Passage], stemmer: FrenchStemmer, terms: AgreementTerms
    ) -> "AgreementIndex":
        """Index the passages of one agreement, in its order."""
        headings = [stemmer(_heading(one)) for one in passages]
        titles = [stemmer(" ".join(_titles(one))) for one in passages]
        texts = [one.agreement_text or _UNTITLED for one in passages]
        newest = max((text.signed.year for text in texts if text.signed), default=0)
        standing = [
            _standing(text, newest) * _formality(terms, heading, passage)
            for text, heading, passage in zip(texts, headings, passages, strict=True)
        ]
        apart = [[set(bag).issuperset(phrase) for bag in titles] for phrase in terms.apart]
        return cls(
            clauses=tuple(one.id for one in passages),
            parts=_parts(passages),
            headings=Postings.build(headings),
            titles=Postings.build(
                [*bag, *(stem for title in inner_titles(one.text) for stem in stemmer(title))]
                for bag, one in zip(titles, passages, strict=True)
            ),
            texts=Postings.build(stemmer(one.text) for one in passages),
            standing=np.array(standing, np.float32),
            pay=np.array([text.rank is TextRank.PAY for text in texts], bool),
            territories=tuple(fold(text.territory or "") for text in texts),
            apart=np.array(apart, bool).reshape(len(terms.apart), len(passages)),
            categories=tuple(categories_of(" ; ".join(_titles(one))) for one in passages),
        )

    @classmethod
    def open(cls, path: Path) -> "AgreementIndex":
        """Open a file that `save` wrote."""
        with np.load(path) as saved:
            clauses = _decoded(saved["clauses"])
            count = len(clauses)

            def postings(name: str) -> Postings:
                stems = {stem: at for at, stem in enumerate(_decoded(saved[f"{name}_stems"]))}
                starts, rows = saved[f"{name}_starts"], saved[f"{name}_rows"]
                return Postings(stems, starts, rows, saved[f"{name}_times"], count)

            return cls(
                tuple(clauses),
                saved["parts"],
                postings("headings"),
                postings("titles"),
                postings("texts"),
                saved["standing"],
                saved["pay"],
                tuple(_decoded(saved["territories"])),
                saved["apart"],
                _categories(saved["categories"].tolist()),
            )

    def save(self, path: Path) -> None:
        """Write it to a .npz file."""
        bits = [
            sum(1 << at for at, one in enumerate(_CATEGORIES) if one in held)
            for held in self.categories
        ]
        np.savez(
            path,
            clauses=_encoded(self.clauses),
            parts=self.parts,
            standing=self.standing,
            pay=self.pay,
            territories=_encoded(self.territories),
            apart=self.apart,
            categories=np.array(bits, np.int32),
            allow_pickle=False,
            **self.headings.arrays("headings"),
            **self.titles.arrays("titles"),
            **self.texts.arrays("texts"),
        )


def _categories(saved: Sequence[int]) -> tuple[frozenset[Category], ...]:
    """Return the categories that the bits of each passage stand for; few sets differ."""
    known = {
        bits: frozenset(one for at, one in enumerate(_CATEGORIES) if bits >> at & 1)
        for bits in set(saved)
    }
    return tuple(known[bits] for bits in saved)


def _parts(passages: Sequence[Passage]) -> Ids:
    """Return of each passage which one of its clause it is."""
    seen: dict[str, int] = {}
    parts = []
    for one in passages:
        parts.append(seen.get(one.id, 0))
        seen[one.id] = parts[-1] + 1
    return np.array(parts, np.int32)


def _encoded(words: Iterable[str]) -> NDArray[np.uint8]:
    return np.frombuffer("\n".join(words).encode(), np.uint8)


def _decoded(saved: NDArray[np.uint8]) -> list[str]:
    return bytes(saved).decode().split("\n") if len(saved) else []


def inner_titles(text: str) -> list[str]:
    """Return the titles of the numbered parts that a clause has."""
    found = (match[1].strip() for match in _INNER_TITLE.finditer(text))
    return [title for title in found if title[-1] not in ".;,:"]


def _heading(passage: Passage) -> str:
    """Return the title that is a clause's own; a side agreement's is that of all its clauses."""
    path, text = passage.section_path, passage.agreement_text
    own = len(path) > (1 if text is None or text.rank is TextRank.BASE else 2)
    return path[-1] if own else ""


def _formality(terms: AgreementTerms, heading: Sequence[str], passage: Passage) -> float:
    """Return less than 1 for a clause on the life of a text, or that rewrites another one."""
    held = set(heading)
    if any(held.issuperset(phrase) for phrase in terms.formal):
        return _FORMAL
    text = passage.text.lower()
    if len(text) < _SHORT_CHARS and any(words in text for words in terms.formal_sentences):
        return _FORMAL
    title = passage.section_path[-1] if passage.section_path else ""
    opening = f"{title} {text[:_OPENING_CHARS]}".lower()
    return _AMENDING if any(words in opening for words in terms.amending) else 1.0


def _titles(passage: Passage) -> tuple[str, ...]:
    """Return the titles above a clause that speak of its subject: not the base text's own."""
    path = passage.section_path
    return path[1:] if len(path) > 1 else path


def _standing(text: AgreementText, newest: int) -> float:
    """Return what a text is worth among those of its agreement, between 0 and 1."""
    worth = RANK[text.rank] * (LOCAL if text.territory else 1.0)
    worth *= 1.0 if text.extended else _NOT_EXTENDED
    if text.signed and text.rank in _AGE_COST:
        cost, least = _AGE_COST[text.rank]
        worth *= max(least, 1 - cost * (newest - text.signed.year))
    return worth
