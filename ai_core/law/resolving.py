"""Resolves references to the articles they mean, on a given day."""

from collections.abc import Iterable
from datetime import date

from ai_core.law.corpus import Corpus
from ai_core.law.records import Article
from ai_core.law.references import Reading, Reference

RANGE_LIMIT = 60
"""A longer "range" is read as its two ends: "de L1234-1 à L4121-1" compares, it does not list."""


def resolve(reference: Reference, corpus: Corpus, day: date) -> tuple[Article, ...]:
    """Return the articles in force on `day` that a reference means, in the order of the code.

    Empty when no such article exists, or when the reference is to another code.
    """
    if reference.other_code:
        return ()
    first = _existing(reference.readings, corpus, day)
    if reference.last:
        return _range(first, _existing(reference.last, corpus, day), corpus, day)
    if reference.following and first:
        return corpus.section_from(first[0], day)[:RANGE_LIMIT]
    return first


def _existing(readings: Iterable[Reading], corpus: Corpus, day: date) -> tuple[Article, ...]:
    for reading in readings:
        found = [article for number in reading for article in corpus.by_number(number, day)]
        if found:
            return tuple(found)
    return ()


def _range(
    firsts: tuple[Article, ...], lasts: tuple[Article, ...], corpus: Corpus, day: date
) -> tuple[Article, ...]:
    """Expand a range by the code's own order, within one letter when both ends share it."""
    found: list[Article] = []
    for first in firsts:
        for last in lasts:
            if first.number[0] == last.number[0] or len(firsts) == len(lasts) == 1:
                found += _between(first, last, corpus, day)
    if not found:
        found = [*firsts, *lasts]
    return tuple({article.id: article for article in found}.values())


def _between(first: Article, last: Article, corpus: Corpus, day: date) -> tuple[Article, ...]:
    found = corpus.between(first, last, day) or corpus.between(last, first, day)
    if first.number[0] == last.number[0]:
        found = tuple(article for article in found if article.number[0] == first.number[0])
    return found if len(found) <= RANGE_LIMIT else (first, last)
