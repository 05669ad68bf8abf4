"""The corpus as the indexes read it: bags of stems, and who cites whom.

Articles and fiche sections are known by their place: 0, 1, 2… in the order of the corpus. Beside
the corpus stand our own `everyday_questions.tsv`: questions as people put them, each with the
articles that govern the answer.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from importlib.resources import files
from itertools import accumulate, chain

from ai_core.law.corpus import Corpus
from ai_core.law.records import Article, FicheSection
from ai_core.law.references import canonical
from ai_core.law.search.stems import Words, without_references

OPEN_END = date.max.toordinal()

Cited = tuple[int, ...]


def listed(name: str) -> Iterator[list[str]]:
    """Walk the lines of a table under data/, cut at tabs; lines with # are headings."""
    table = (files("ai_core.law") / "data" / name).read_text("utf-8")
    for line in table.splitlines():
        if line and not line.startswith("#"):
            yield line.split("\t")


@dataclass(frozen=True)
class Material:
    """Everything the indexes are built from."""

    articles: tuple[Article, ...]
    fiches: tuple[FicheSection, ...]
    first_pieces: tuple[int, ...]
    """The first passage row of each article, then of each fiche section, then their count."""

    @classmethod
    def read(cls, corpus: Corpus) -> "Material":
        """Read the whole corpus."""
        articles, fiches = tuple(corpus.articles()), tuple(corpus.fiche_sections())
        pieces = Counter(passage.id for passage in corpus.passages())
        sources = [article.id for article in articles] + [section.id for section in fiches]
        rows = accumulate((pieces[source] for source in sources), initial=0)
        return cls(articles, fiches, tuple(rows))

    @cached_property
    def words(self) -> Words:
        """What cuts this material into stems."""
        return Words()

    @cached_property
    def texts(self) -> list[list[str]]:
        """The stems of each article's text."""
        return [self.words(article.text) for article in self.articles]

    @cached_property
    def titles(self) -> list[list[list[str]]]:
        """The stems of each title above each article, from the widest to the nearest."""
        return [[self.words(title) for title in article.section_path] for article in self.articles]

    @cached_property
    def sections(self) -> list[int]:
        """The section each article lies in."""
        seen: dict[tuple[str, ...], int] = {}
        return [seen.setdefault(article.section_path, len(seen)) for article in self.articles]

    @cached_property
    def fiche_titles(self) -> list[tuple[list[str], list[str]]]:
        """The stems of each fiche section's two titles: the fiche's and its own."""
        return [
            (self.words(section.fiche_title), self.words(section.section_title))
            for section in self.fiches
        ]

    @cached_property
    def fiche_texts(self) -> list[list[str]]:
        """The stems of each fiche section's text, article numbers left out."""
        return [self.words(without_references(section.text)) for section in self.fiches]

    @cached_property
    def cited(self) -> list[Cited]:
        """The articles each fiche section cites."""
        by_cid: dict[str, list[int]] = {}
        for place, article in enumerate(self.articles):
            by_cid.setdefault(article.cid, []).append(place)
        return [
            tuple(chain.from_iterable(by_cid.get(cid, ()) for cid in section.cited))
            for section in self.fiches
        ]

    @cached_property
    def by_number(self) -> dict[str, list[int]]:
        """The articles that bear each number, in its canonical spelling."""
        found: dict[str, list[int]] = {}
        for place, article in enumerate(self.articles):
            found.setdefault(canonical(article.number), []).append(place)
        return found

    @cached_property
    def questions(self) -> list[tuple[list[str], Cited]]:
        """Our everyday questions in stems, with the articles that answer them in this corpus."""
        found = []
        for question, numbers in listed("everyday_questions.tsv"):
            cited = chain.from_iterable(
                self.by_number.get(canonical(number), ()) for number in numbers.split()
            )
            found.append((self.words(question), tuple(cited)))
        return [(stems, cited) for stems, cited in found if cited]


def flat(lists: list[list[str]]) -> list[str]:
    """Join lists of stems."""
    return list(chain.from_iterable(lists))
