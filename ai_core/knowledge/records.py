"""What an entry file holds. One answers one question, in French, English and maybe more."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from shared.ai.contract import CalculatorName, CaseEvent, Category, Contract, Idcc, Theme
from shared.languages import LANGUAGES, Language

Variable = Literal[
    "agreement",
    "seniority",
    "category",
    "headcount",
    "contract",
    "age",
    "pay",
    "working_time",
    "disability",
    "region",
]
"""What may change an answer."""

TopicId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$", max_length=80)]
Sentence = Annotated[str, StringConstraints(min_length=2, max_length=600, strip_whitespace=True)]
Sector = Literal["private", "public"]
Role = Literal["employee", "employer"]
WorkingTime = Literal["full_time", "part_time", "forfait_jours"]

MARK = re.compile(r"\[([^\[\]]{2,60})\]")
"""A mark in an entry's text: the key of the source that the sentence rests on."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Localized(_Part):
    """A text in each language."""

    fr: Sentence
    en: Sentence
    th: Sentence | None = None
    zh: Sentence | None = None

    def in_language(self, language: Language) -> str | None:
        """Return the text in a language, None where it is not written."""
        text: str | None = getattr(self, language)
        return text

    def written(self) -> Iterator[tuple[Language, str]]:
        """Yield each language that is written, with its text."""
        for language in LANGUAGES:
            text = self.in_language(language)
            if text is not None:
                yield language, text


class Phrasings(_Part):
    """Ways to ask the question, by language."""

    fr: tuple[Sentence, ...] = ()
    en: tuple[Sentence, ...] = ()
    th: tuple[Sentence, ...] = ()
    zh: tuple[Sentence, ...] = ()

    def written(self) -> Iterator[tuple[Language, str]]:
        """Yield each phrasing with its language."""
        for language in LANGUAGES:
            for text in getattr(self, language):
                yield language, text


class Applies(_Part):
    """The facts an entry is for; a fact that was told and is not among them rules it out."""

    sector: tuple[Sector, ...] = ("private",)
    contract: tuple[Contract, ...] = ()
    role: tuple[Role, ...] = ()
    working_time: tuple[WorkingTime, ...] = ()


class When(_Part):
    """The facts a line is for; empty: any."""

    contract: tuple[Contract, ...] = ()
    category: tuple[Category, ...] = ()
    role: tuple[Role, ...] = ()
    working_time: tuple[WorkingTime, ...] = ()
    events: tuple[CaseEvent, ...] = ()
    seniority_months_from: int | None = None
    seniority_months_below: int | None = None
    headcount_from: int | None = None
    headcount_below: int | None = None


class Line(Localized):
    """A condition or a step, and whom it concerns."""

    when: When = When()


class EntrySource(_Part):
    """A text the entry rests on: an article of the Code, a clause of an agreement, or a fiche.

    A fiche is a source only where the rule stands in another code. `fragments` are the words that
    decide, as the law has them.
    """

    article: str | None = None
    idcc: Idcc | None = None
    clause: str | None = None
    name: str | None = None
    fiche: str | None = None
    fragments: tuple[Sentence, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        clause = self.idcc and self.clause and self.name
        if sum(map(bool, (self.article, clause, self.fiche))) != 1:
            raise ValueError("give `article`, or `idcc` with `clause` and `name`, or `fiche`")
        return self

    @property
    def key(self) -> str:
        """Return how the entry's text refers to it."""
        return self.article or self.name or self.fiche or ""

    @property
    def source_id(self) -> str:
        """Return what the law is asked for: an article's number, or a clause's or fiche's id."""
        return self.article or self.clause or self.fiche or ""


class Entry(_Part):
    """A written answer to one question."""

    topic_id: TopicId
    category: Theme
    tags: tuple[str, ...] = Field(min_length=1, max_length=12)
    depends_on: tuple[Variable, ...] = ()
    defers_to_agreement: bool = False
    """The law leaves the answer to agreements: a clause found goes before it."""
    calculator: CalculatorName | None = None
    related: tuple[TopicId, ...] = ()
    checked_on: date
    checked_by: Literal["code", "lawyer"] = "code"
    applies: Applies = Applies()
    sources: tuple[EntrySource, ...] = Field(min_length=1)
    question: Localized
    answer: Localized
    conditions: tuple[Line, ...] = ()
    steps: tuple[Line, ...] = ()
    phrasings: Phrasings
    test_phrasings: Phrasings = Phrasings()

    def texts(self) -> Iterator[tuple[str, Localized]]:
        """Yield the texts of the answer by their place in the file."""
        yield "answer", self.answer
        for name, lines in (("conditions", self.conditions), ("steps", self.steps)):
            for n, line in enumerate(lines, start=1):
                yield f"{name}[{n}]", line

    def speaks(self, language: Language) -> bool:
        """Whether the entry is written in a language."""
        return self.answer.in_language(language) is not None

    def languages(self) -> tuple[Language, ...]:
        """Return the languages it is written in."""
        return tuple(one for one in LANGUAGES if self.speaks(one))
