"""Splits a message into its questions, at most three; what is told before one stays with it."""

import re

from ai_core.answering.understanding.subjects import content_of, is_follow_up

MAX_QUESTIONS = 3
_LONGEST_READ = 2_000
_SENTENCE = re.compile(r"[^.!?。！？\n]+(?:\.(?=\S)[^.!?。！？\n]+)*[.!?。！？\n]*")
_ITEM = re.compile(r"^\s*(?:\d{1,2}\s?[.)°]|[-•*–]|[a-c]\))\s+", re.MULTILINE)
_NUMBER = re.compile(r"^(?:\d{1,2}\s?[.)°])\s+(?=\S)")
_ASKING = (
    r"(?:est-ce qu|combien|comment|pourquoi|quels?\b|quelles?\b|puis-je|peut-on|peut-il|ai-je"
    r"|dois-je|a-t-il|a-t-elle|how (?:much|many|long|do)|what|when|can i|do i|am i|is it)"
)
_JOINED = re.compile(
    rf",?\s+(?:et|and|ainsi que|et aussi|and also)\s+(?=(?:aussi |also )?{_ASKING})"
    r"|[.,;]?\s+(?:et aussi|autre question|deuxi[eè]me question|seconde question|par ailleurs"
    r"|also|another question|second question)\s*[:,]?\s+",
    re.IGNORECASE,
)


def split_questions(text: str) -> tuple[str, ...]:
    """Return the questions of a message in its own words; one that stands for all if in doubt.

    A question that is only asked of the one before it ("C'est légal ?", "Que faire ?") stays with
    it, and so does one that names no other subject and no other aspect.
    """
    if len(text) > _LONGEST_READ:
        return (text,)
    kept: list[str] = []
    for piece in _pieces(text):
        if (kept and not _is_another(piece, kept[-1])) or len(kept) == MAX_QUESTIONS:
            kept[-1] = f"{kept[-1]} {piece}"
        else:
            kept.append(piece)
    return tuple(kept) if len(kept) > 1 else (text,)


def question_sentences(text: str) -> tuple[str, ...]:
    """Return each question of a message with what is told before it, whether or not they differ."""
    return tuple(_pieces(text[:_LONGEST_READ]))[:MAX_QUESTIONS]


def _pieces(text: str) -> list[str]:
    """Return the sentences of a text grouped by the question that ends each group."""
    pieces: list[str] = []
    told = ""
    for sentence in _SENTENCE.findall(_ITEM.sub("", text)):
        told = _NUMBER.sub("", f"{told} {sentence.strip()}".strip())
        if "?" in sentence or "？" in sentence:
            pieces += _unjoined(told)
            told = ""
    if told and pieces:
        pieces[-1] = f"{pieces[-1]} {told}"
    return pieces


def _unjoined(question: str) -> list[str]:
    """Split "combien …, et est-ce que … ?" where each side asks of a subject."""
    first, *rest = _JOINED.split(question, maxsplit=1)
    second = rest[0] if rest else ""
    if not second or content_of(first).empty or content_of(second).empty:
        return [question]
    first = first.strip()
    return [first if first.endswith("?") else f"{first} ?", second[0].upper() + second[1:]]


def _is_another(question: str, before: str) -> bool:
    """Whether a question asks of another subject or aspect than the one before it."""
    content, earlier = content_of(question), content_of(before)
    if not is_follow_up(question, before):
        return bool(content.subjects or content.aspects)
    return bool(content.subjects - earlier.subjects) or bool(content.aspects - earlier.aspects)
