"""Whether a reply may be sent without review: only if its citations support it.

Every article the answer names outside quotations must be among its verified citations; an answer
without citations must abstain or ask for a clarification. References are checked, not reasoning.
An entry that code wrote may name an article of a code that is not held; a model may not.
"""

import re

from mail_service.reply.blocks import is_official, unquoted
from shared.ai.contract import ChatReply

ARTICLE = re.compile(r"\b([LRD])\s?[.*]{0,2}\s?(\d{3,4}(?:-\d+){1,3})\b", re.IGNORECASE)
REPEATED_WORDS = 12
WRITTEN_BY_CODE = "extractive"


def reason_for_review(reply: ChatReply) -> str | None:
    """Return why a person must review the answer, or None when it may be sent."""
    if not reply.response.strip():
        return "empty"
    if reply.abstained is not None:
        return None
    if not reply.citations:
        return None if reply.clarification else "no-source"
    if any(not is_official(citation.url) for citation in reply.citations):
        return "foreign-source"
    if reply.entries and reply.model == WRITTEN_BY_CODE:
        return None
    cited = {_key(*match.groups()) for c in reply.citations for match in ARTICLE.finditer(c.number)}
    own_words = unquoted(reply.response, [citation.quote for citation in reply.citations])
    named = {_key(*match.groups()) for match in ARTICLE.finditer(own_words)}
    return "unverified-article" if named - cited else None


def repeats_sender(reply: ChatReply, question: str) -> str | None:
    """Return why a person must review a reply to somebody who may be somebody else, or None.

    A model can be told to repeat a text: REPEATED_WORDS of the question in a row, which no source
    has, would make our reply the carrier of an advertisement.
    """
    asked = reply.clarification.question if reply.clarification else ""
    said = _runs(f"{reply.response}\n{asked}")
    of_sources = set[tuple[str, ...]]().union(*(_runs(each.quote) for each in reply.citations))
    return "repeats-sender" if said & _runs(question) - of_sources else None


def _runs(text: str) -> set[tuple[str, ...]]:
    """Return every REPEATED_WORDS words in a row of a text."""
    words = re.findall(r"\w+", text.lower())
    starts = range(len(words) - REPEATED_WORDS + 1)
    return {tuple(words[start : start + REPEATED_WORDS]) for start in starts}


def _key(letter: str, number: str) -> str:
    return f"{letter.upper()}{number}"
