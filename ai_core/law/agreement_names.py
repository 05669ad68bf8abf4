"""The names of collective agreements, read from the tables under data/: aliases, facets, IDCC.

`agreement_aliases.toml` says how each is used; `agreements_not_held.toml` has the same for the
agreements the corpus does not hold.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

from ai_core.law.plain_question import plain
from ai_core.law.records import Agreement
from ai_core.law.search.tokens import read_table

_TABLES = ("agreement_aliases.toml", "agreements_not_held.toml")
_GAP_WORDS = 5
_TITLE_WORDS = 4
"""Shorter titles ("Sport", "Banque") are ordinary words: the table of aliases has their reach."""

_DIRECTORY = "https://www.legifrance.gouv.fr/liste/idcc"
"""Légifrance's list of agreements by IDCC: where one that is not held can be looked up."""


class Reach(StrEnum):
    """Where an alias counts; see `agreement_aliases.toml`."""

    NAMES = "names"
    SECTORS = "sectors"
    TRADES = "trades"
    PLACES = "places"
    TOPICS = "topics"
    COMPANIES = "companies"
    ORDINARY = "ordinary"


@dataclass(frozen=True, slots=True)
class Alias:
    """One name of one agreement; `doubtful`: it is told only as another possibility."""

    idcc: str
    expression: str
    reach: Reach
    parts: int
    first_word: str
    doubtful: bool

    @property
    def pattern(self) -> re.Pattern[str]:
        """The expression, compiled once it is needed: few of the 1,600 names ever are."""
        return _compiled(self.expression)


@cache
def _compiled(expression: str) -> re.Pattern[str]:
    return re.compile(expression)


@cache
def _tables() -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for name in _TABLES:
        found |= tomllib.loads((files("ai_core.law") / "data" / name).read_text("utf-8"))
    return found


def _entries() -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((idcc, entry) for idcc, entry in _tables().items() if idcc.isdigit())


def _alias(idcc: str, name: str, reach: Reach) -> Alias:
    gap = rf"(?: \S+){{0,{_GAP_WORDS}}} "
    parts = [plain(part) for part in name.removesuffix("?").split("…")]
    expression = rf"(?<!\S){gap.join(map(re.escape, parts))}(?!\S)"
    first_word, doubtful = parts[0].partition(" ")[0], name.endswith("?")
    return Alias(idcc, expression, reach, len(parts), first_word, doubtful)


def aliases(agreements: Iterable[Agreement]) -> Iterator[Alias]:
    """Return every alias of the tables, and the long titles of these agreements."""
    for agreement in agreements:
        for title in (agreement.title, agreement.short_title):
            if len(plain(title).split()) >= _TITLE_WORDS:
                yield _alias(agreement.idcc, title, Reach.NAMES)
    yield from _aliases_of_tables()


@cache
def _aliases_of_tables() -> tuple[Alias, ...]:
    named = (
        _alias(idcc, name, reach)
        for idcc, entry in _entries()
        for reach in Reach
        for name in entry.get(reach, ())
    )
    phrases = _tables()["ordinary"]["words"]
    return (*named, *(_alias("", phrase, Reach.ORDINARY) for phrase in phrases))


def known_agreements() -> dict[str, Agreement]:
    """Return every agreement the tables know, by IDCC, as one that is not held."""
    return {
        idcc: Agreement("", idcc, entry["title"], entry["title"], _DIRECTORY, held=False)
        for idcc, entry in _entries()
    }


def successors() -> dict[str, str]:
    """Return the IDCC that replaces each former IDCC."""
    return {old: idcc for idcc, entry in _entries() for old in entry.get("former", ())}


def facets() -> dict[str, Mapping[str, str]]:
    """Return what tells agreements of one trade apart, by IDCC: a value for each facet."""
    return {idcc: entry["facets"] for idcc, entry in _entries() if "facets" in entry}


@cache
def facet_words() -> dict[str, dict[str, tuple[re.Pattern[str], ...]]]:
    """Return, by facet and value, the patterns of plain words that say it."""
    text = (files("ai_core.law") / "data" / "agreement_facets.toml").read_text("utf-8")
    table: Mapping[str, Mapping[str, list[str]]] = tomllib.loads(text)
    return {
        facet: {value: tuple(map(re.compile, words)) for value, words in values.items()}
        for facet, values in table.items()
    }


@dataclass(frozen=True, slots=True)
class Cues:
    """Plain words that tell where the asker works; see `agreement_cues.toml`."""

    workers: frozenset[str]
    subjects: frozenset[str]


@cache
def cues() -> Cues:
    """Read the cues."""
    table = tomllib.loads(
        (files("ai_core.law") / "data" / "agreement_cues.toml").read_text("utf-8")
    )
    return Cues(frozenset(table["workers"]), frozenset(table["subjects"]))


@cache
def ordinary_words() -> frozenset[str]:
    """Return words of everyday questions: right as they are, so never a misspelt name."""
    tables = ("everyday_questions.tsv", "other_questions.tsv")
    lines = (" ".join(row) for name in tables for row in read_table(name))
    return frozenset(word for line in lines for word in plain(line).split())
