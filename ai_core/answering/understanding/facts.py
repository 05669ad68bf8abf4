"""Facts told in a message, by rules: whose fact it is decides whether it is kept (`owners.py`).

Only the first 2,000 characters are read, without quoted lines and attached files.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date

from ai_core.answering.understanding.amounts import amounts
from ai_core.answering.understanding.fact_patterns import NAMED_FACTS
from ai_core.answering.understanding.foreign_facts import in_french_words
from ai_core.answering.understanding.owners import PERSON, Fact, Owners
from ai_core.law.search.stems import fold

LONGEST_READ = 2_000
_SENTENCE = re.compile(r"[^.;!?\n]+(?:\.(?=\d)[^.;!?\n]+)*[.;!?]*")
_QUOTED_LINE = re.compile(r"^(?:>|\[[^\]\n]{1,120}\]$).*$", re.MULTILINE)
_BLANKS = re.compile(r"[ \t\u00a0\u202f]+")


def readable(text: str) -> str:
    """Return the folded text that facts are read from: its beginning, without quoted lines."""
    return _BLANKS.sub(" ", fold(_QUOTED_LINE.sub("", text[:LONGEST_READ])))


def read_facts(text: str, today: date, *, reply_to: str | None = None) -> list[Fact]:
    """Return the facts of a message, in the order of its words.

    `reply_to`: the field of the profile that the message was asked for, so that a bare "3 ans" is
    a seniority, and a fact that is only mentioned is told.
    """
    found: list[Fact] = []
    for sentence in _SENTENCE.finditer(in_french_words(readable(text))):
        found += _of_sentence(sentence, found, today, reply_to=reply_to)
    return found


def own_words(text: str) -> str:
    """Return the sentences of a message that do not speak of somebody else alone."""
    kept = []
    for sentence in _SENTENCE.finditer(_QUOTED_LINE.sub("", text[:LONGEST_READ])):
        persons = {found.lastgroup for found in PERSON.finditer(readable(sentence[0]))}
        if "other" not in persons or "own" in persons:
            kept.append(sentence[0])
    return "".join(kept)


def _of_sentence(
    sentence: re.Match[str], earlier: list[Fact], today: date, *, reply_to: str | None
) -> list[Fact]:
    words, offset = sentence[0], sentence.start()
    facts = _widest((*_named(words), *amounts(words, today, reply_to=reply_to)))
    owners = Owners(
        words,
        [(fact.start, fact.stop) for fact in facts],
        is_reply=reply_to is not None,
        is_employer=any(fact.value == "employer" for fact in (*earlier, *facts)),
    )
    return [
        replace(
            fact,
            start=fact.start + offset,
            stop=fact.stop + offset,
            standing=owners.standing(fact),
        )
        for fact in facts
    ]


def _named(sentence: str) -> Iterator[Fact]:
    for named in NAMED_FACTS:
        for found in named.pattern.finditer(sentence):
            yield Fact(named.field, named.value, found.start(), found.end())


def _widest(facts: Iterable[Fact]) -> list[Fact]:
    """Return the facts in their order, without those inside a wider one of the same field."""
    kept: list[Fact] = []
    for fact in sorted(facts, key=lambda fact: (fact.start, -fact.stop)):
        if not any(o.field == fact.field and o.start <= fact.start < o.stop for o in kept):
            kept.append(fact)
    return kept
