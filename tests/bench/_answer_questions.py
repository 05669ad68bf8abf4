"""The questions of `./neo bench answers`: read from `questions/*.toml`, checked against the law.

Each entry is a conversation whose last answer is judged; `questions/README.md` explains its fields
to whoever adds one. They are ours: none is taken from the files that the product is measured with
elsewhere, and no person in them exists.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

from ai_core.law.corpus import Corpus

FOLDER = Path(__file__).parent / "questions"

Expected = Literal["answered", "refused", "admitted", "helplines"]
Kind = Literal[
    "plain",
    "everyday",
    "story",
    "sms",
    "yes_no",
    "exact",
    "agreement",
    "follow_up",
    "two_questions",
    "employer",
    "case_law",
    "neighbour",
    "far",
    "distress",
    "file",
]


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class BenchQuestion:
    """A conversation of `turns`, all of the user's, and what its last answer must hold.

    `fact` and `never` are regular expressions over folded text (`folded`). `articles` are numbers
    of the Code du travail, `clauses` identifiers (KALIARTI…) of the agreement `idcc`; every one of
    `quote` stands word for word in one of them. Questions of another file (`kind` "file") may have
    no facts.
    """

    id: str
    kind: Kind
    turns: tuple[str, ...]
    language: str = "fr"
    fact: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    articles: tuple[str, ...] = ()
    idcc: str = ""
    clauses: tuple[str, ...] = ()
    quote: tuple[str, ...] = ()
    expected: Expected = "answered"

    @property
    def gold(self) -> frozenset[str]:
        """Return the numbers of articles and the identifiers of clauses that decide."""
        return frozenset((*self.articles, *self.clauses))


def folded(text: str) -> str:
    """Return a text in lower case, without accents, with one kind of space and apostrophe."""
    plain = unicodedata.normalize("NFKD", text.lower().replace("’", "'"))
    return re.sub(r"\s+", " ", "".join(c for c in plain if not unicodedata.combining(c)))


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern of an entry stands in a text that was folded, from the start of a word."""
    return re.search(f"(?<![0-9a-z])(?:{folded(pattern)})", text) is not None


def read_questions(folder: Path = FOLDER) -> tuple[BenchQuestion, ...]:
    """Return the questions of every file, in the order of names and of entries.

    Raises pydantic.ValidationError for an entry with an unknown field or value.
    """
    reader = TypeAdapter(list[BenchQuestion])
    questions: list[BenchQuestion] = []
    for path in sorted(folder.glob("*.toml")):
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        questions += reader.validate_python(content["question"])
    return tuple(questions)


def malformed(question: BenchQuestion) -> Iterator[str]:
    """Say what an entry lacks or contradicts."""
    if not question.turns or not all(turn.strip() for turn in question.turns):
        yield "no words"
    for pattern in (*question.fact, *question.never):
        try:
            re.compile(folded(pattern))
        except re.error as error:
            yield f"{pattern!r} is no regular expression: {error}"
    if question.expected == "answered" and not (question.fact and question.gold and question.quote):
        yield "an answer needs a fact, a gold source and its words"
    if question.expected == "helplines" and not question.fact:
        yield "help needs the numbers to call"
    if question.clauses and not question.idcc:
        yield "clauses need their agreement"
    if question.kind == "follow_up" and len(question.turns) < 2:
        yield "a follow-up needs two turns"


def against_the_law(question: BenchQuestion, corpus: Corpus, day: date) -> Iterator[str]:
    """Say which gold sources are not in force on `day`, and which quotations stand in none."""
    texts: list[str] = []
    for number in question.articles:
        found = corpus.by_number(number, day)
        if not found:
            yield f"{number} is not in force"
        texts += (article.text for article in found)
    clauses: dict[str, str] = {}
    for passage in corpus.agreement_passages(question.idcc) if question.idcc else ():
        clauses[passage.id] = clauses.get(passage.id, "") + "\n" + passage.text
    for clause in question.clauses:
        if clause not in clauses:
            yield f"{clause} is not in agreement {question.idcc}"
        texts.append(clauses.get(clause, ""))
    yield from (
        f"no gold source says {quote!r}" for quote in question.quote if not _says(texts, quote)
    )


def _says(texts: Iterable[str], quote: str) -> bool:
    return any(folded(quote) in folded(text) for text in texts)
