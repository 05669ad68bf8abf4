"""The sources of a letter: each address once, under the number by which the letter names it."""

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass

from mail_service.reply.blocks import is_official
from shared.ai.contract import Citation

MARK = re.compile(r"\[(\d{1,2})\]")
_MARKS_IN_A_ROW = re.compile(r"\[\d{1,2}\](?: ?\[\d{1,2}\])+")


@dataclass(frozen=True, slots=True)
class Source:
    """An official page: the number that names it, its short title, its address."""

    number: int
    title: str
    url: str


def numbered_once(text: str, citations: Sequence[Citation]) -> str:
    """Return a text whose marks name each address by the first number it has."""
    first: dict[str, int] = {}
    numbers = {
        number: first.setdefault(source.url, number) for number, source in enumerate(citations, 1)
    }

    def named(mark: re.Match[str]) -> str:
        return f"[{numbers.get(int(mark[1]), int(mark[1]))}]"

    return _MARKS_IN_A_ROW.sub(_each_once, MARK.sub(named, text))


def sources_of(citations: Sequence[Citation], named: Container[int]) -> tuple[Source, ...]:
    """Return the official sources, each address once.

    Of an answer that names its sources, those it does not name are left out.
    """
    official: dict[str, Source] = {}
    for number, source in enumerate(citations, 1):
        if is_official(source.url):
            official.setdefault(source.url, Source(number, _title(source), source.url))
    return tuple(one for one in official.values() if one.number in named) or tuple(
        official.values()
    )


def _each_once(marks: re.Match[str]) -> str:
    return " ".join(dict.fromkeys(each[0] for each in MARK.finditer(marks[0])))


def _title(source: Citation) -> str:
    """Return what a source is called: an article by its number, a clause by its agreement too."""
    if source.kind == "article" and source.number:
        return f"Article {source.number}"
    title = source.title.partition(" – ")[0]
    if source.kind == "fiche" or source.number in title:
        return title
    return f"{title}, {source.number}"
