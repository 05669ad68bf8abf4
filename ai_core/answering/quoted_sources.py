"""Writes the sources of an answer that code wrote: title, deciding words, address, numbered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from ai_core.answering.citations import CitationFilter
from ai_core.law.records import Passage
from shared.ai.contract import Citation

_REMEMBERED = 512  # a few MiB


@dataclass(frozen=True, slots=True)
class QuotedSource:
    """A source below its heading, which names its number; `quotation` is in quoted lines."""

    passage: Passage
    heading: str
    quotation: str


def quoted_sources(sources: Sequence[QuotedSource], day: date) -> tuple[str, list[Citation]]:
    """Return the sources in words, and the citations in the order of their numbers, from 1.

    Each passes the check of every answer: what is not word for word in its passage is no quotation.
    An entry quotes the same sources whoever asks: they are checked once a day.
    """
    shown, citations = _checked(tuple(sources), day)
    return shown, list(citations)


@lru_cache(_REMEMBERED)
def _checked(sources: tuple[QuotedSource, ...], day: date) -> tuple[str, tuple[Citation, ...]]:
    check = CitationFilter([one.passage for one in sources], day, "")
    blocks = [f"{one.heading}\n\n{one.quotation}\n\n{one.passage.url}" for one in sources]
    shown = check.feed("\n\n".join(blocks)) + check.finish()
    return shown, tuple(check.citations())
