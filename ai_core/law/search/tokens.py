"""The corpus tokenized for the indexes: bags of stems, and which article is cited where.

Articles and fiche sections are numbered by position: 0, 1, 2… in the order of the corpus. Our own
`everyday_questions.tsv` is added to the corpus: questions in everyday language, each with the
articles that govern the answer.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from importlib.resources import files
from itertools import accumulate, chain, pairwise

from ai_core.law.corpus import Corpus
from ai_core.law.records import Article, FicheSection
from ai_core.law.references import canonical
from ai_core.law.search.stems import FrenchStemmer, without_references

OPEN_END = date.max.toordinal()
_NEAR_TITLES = 3

Cited = tuple[int, ...]


def read_table(name: str) -> Iterator[list[str]]:
    """Yield the rows of a tab-separated table under data/; lines with # are comments."""
    table = (files("ai_core.law") / "data" / name).read_text("utf-8")
    for line in table.splitlines():
        if line and not line.startswith("#"):
            yield line.split("\t")


@dataclass(frozen=True)
class TokenizedCorpus:
    """Input of the indexes; each list has one entry per article or fiche section."""

    articles: tuple[Article, ...]
    fiches: tuple[FicheSection, ...]
    first_pieces: tuple[int, ...]
    """The first passage row of each article, then of each fiche section, then their count."""
    piece_texts: tuple[str, ...]
    """The text of each passage, by row."""

    @classmethod
    def read(cls, corpus: Corpus) -> "TokenizedCorpus":
        """Read the whole corpus."""
        articles, fiches = tuple(corpus.articles()), tuple(corpus.fiche_sections())
        passages = tuple(corpus.passages())
        pieces = Counter(passage.id for passage in passages)
        sources = [article.id for article in articles] + [section.id for section in fiches]
        rows = accumulate((pieces[source] for source in sources), initial=0)
        return cls(articles, fiches, tuple(rows), tuple(passage.text for passage in passages))

    def plain_texts(self) -> Iterator[str]:
        """Yield everything the corpus and our own tables say, titles included."""
        for article in self.articles:
            yield from (article.text, *article.section_path[-2:])
        for section in self.fiches:
            yield from (section.text, section.fiche_title, section.section_title)
        for name in ("everyday_questions.tsv", "other_questions.tsv"):
            yield from (row[0] + " " + row[1] for row in read_table(name))

    @cached_property
    def stemmer(self) -> FrenchStemmer:
        """The stemmer of these texts."""
        return FrenchStemmer()

    @cached_property
    def texts(self) -> list[list[str]]:
        """The stems of each article's text."""
        return [self.stemmer(article.text) for article in self.articles]

    @cached_property
    def titles(self) -> list[list[list[str]]]:
        """The stems of each title above each article, from the widest to the nearest."""
        return [
            [self.stemmer(title) for title in article.section_path] for article in self.articles
        ]

    @cached_property
    def sections(self) -> list[int]:
        """The section of each article."""
        seen: dict[tuple[str, ...], int] = {}
        return [seen.setdefault(article.section_path, len(seen)) for article in self.articles]

    @cached_property
    def fiche_numbers(self) -> list[int]:
        """The fiche of each fiche section."""
        seen: dict[str, int] = {}
        fiches = [section.id.rpartition("-")[0] for section in self.fiches]
        return [seen.setdefault(fiche, len(seen)) for fiche in fiches]

    @cached_property
    def fiche_titles(self) -> list[tuple[list[str], list[str]]]:
        """The stems of each fiche section's two titles: the fiche's and its own."""
        return [
            (self.stemmer(section.fiche_title), self.stemmer(section.section_title))
            for section in self.fiches
        ]

    @cached_property
    def fiche_texts(self) -> list[list[str]]:
        """The stems of each fiche section's text, article numbers left out."""
        return [self.stemmer(without_references(section.text)) for section in self.fiches]

    @cached_property
    def pieces(self) -> list[list[str]]:
        """The stems of each passage's text, article numbers left out."""
        return [self.stemmer(without_references(text)) for text in self.piece_texts]

    @cached_property
    def piece_titles(self) -> list[list[str]]:
        """The stems of the titles next above each passage."""
        titles = [flat(path[-_NEAR_TITLES:]) for path in self.titles]
        titles += [fiche + section for fiche, section in self.fiche_titles]
        return [
            titles[source]
            for source, (first, last) in enumerate(pairwise(self.first_pieces))
            for _ in range(first, last)
        ]

    @cached_property
    def cited(self) -> list[Cited]:
        """The articles each fiche section cites."""
        by_cid: dict[str, list[int]] = {}
        for position, article in enumerate(self.articles):
            by_cid.setdefault(article.cid, []).append(position)
        return [
            tuple(chain.from_iterable(by_cid.get(cid, ()) for cid in section.cited))
            for section in self.fiches
        ]

    @cached_property
    def by_number(self) -> dict[str, list[int]]:
        """The articles with each number, in its canonical spelling."""
        found: dict[str, list[int]] = {}
        for position, article in enumerate(self.articles):
            found.setdefault(canonical(article.number), []).append(position)
        return found

    @cached_property
    def asked(self) -> list[tuple[str, Cited]]:
        """Our everyday questions, with the articles that answer them in this corpus."""
        found = []
        for question, numbers in read_table("everyday_questions.tsv"):
            cited = chain.from_iterable(
                self.by_number.get(canonical(number), ()) for number in numbers.split()
            )
            found.append((question, tuple(cited)))
        return [(question, cited) for question, cited in found if cited]

    @cached_property
    def questions(self) -> list[tuple[list[str], Cited]]:
        """The same in stems."""
        return [(self.stemmer(question), cited) for question, cited in self.asked]


def flat(lists: list[list[str]]) -> list[str]:
    """Join lists of stems."""
    return list(chain.from_iterable(lists))
