"""Quotes the law for several questions of one message: each under its own words, part by part.

The short answers of all questions come first, then the sections; the numbers of the sources are
those of the passages of all questions together.
"""

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

from ai_core.answering.evidence import Evidence
from ai_core.engines.base import AnswerPart, Engine, Prompt, Sampling, TextChunk
from ai_core.law.records import Passage
from shared.languages import Language

_HEADING_CHARS = 100
_MARKUP = re.compile(r"[*_`#<>\[\]|\\]")
_MARKER = re.compile(r"\[(\d{1,3})\]")
_QUESTION = re.compile(r"[^.!?\n]*\?")


async def quote_in_turn(
    engine: Engine,
    evidence: Sequence[Evidence],
    passages: Sequence[Passage],
    language: Language,
    sampling: Sampling,
) -> AsyncGenerator[TextChunk]:
    """Generate the answers to several questions with an engine that quotes.

    `passages` are those that the sources are numbered by. Raises what `Engine.stream` raises.
    """
    numbers = {_key(passage): n for n, passage in enumerate(passages, start=1)}
    texts: dict[AnswerPart | None, list[str]] = {}
    tokens = 0
    for one in evidence:
        prompt = Prompt(
            *((), one.asked.with_terms, one.found.passages, language),
            named_articles=one.found.exact,
            confidence=one.found.confidence,
        )
        own: dict[AnswerPart | None, list[str]] = {}
        async with aclosing(engine.stream(prompt, sampling)) as chunks:
            async for chunk in chunks:
                tokens += chunk.tokens
                if chunk.text.strip():
                    own.setdefault(chunk.part, []).append(chunk.text.strip())
        heading = f"**{heading_of(one.asked.text)}**"
        for part, said in own.items():
            text = _renumbered("\n\n".join(said), one.found.passages, numbers)
            texts.setdefault(part, []).append(f"{heading}\n\n{text}")
    for part in sorted(texts, key=_order):
        yield TextChunk("\n\n".join(texts[part]), tokens, part=part)
        tokens = 0
    yield TextChunk("", 0, finish_reason="stop")


def heading_of(question: str) -> str:
    """Return the last question of a text in its own words, on one line without markup.

    Of a long one its end, where it asks.
    """
    asked = _QUESTION.findall(question)
    words = " ".join(_MARKUP.sub(" ", asked[-1] if asked else question).split())
    if len(words) <= _HEADING_CHARS:
        return words
    return "…" + words[-_HEADING_CHARS:].partition(" ")[2]


def _order(part: AnswerPart | None) -> int:
    return list(AnswerPart).index(part) if part else len(AnswerPart)


def _key(passage: Passage) -> tuple[str, str, int]:
    return passage.kind, passage.id, passage.start


def _renumbered(
    text: str, own: Sequence[Passage], numbers: Mapping[tuple[str, str, int], int]
) -> str:
    """Return a text with the numbers of its own passages replaced, quoted lines left alone."""

    def number(marker: re.Match[str]) -> str:
        at = int(marker[1]) - 1
        return f"[{numbers[_key(own[at])]}]" if 0 <= at < len(own) else marker[0]

    return "\n".join(
        line if line.startswith(">") else _MARKER.sub(number, line) for line in text.split("\n")
    )
