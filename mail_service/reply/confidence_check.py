"""Whether a reply may be sent without review: only if its citations support it.

Every article the answer names outside quotations must be among its verified citations; an answer
without citations must abstain or ask for a clarification. References are checked, not reasoning.
"""

import re

from mail_service.reply.blocks import is_official, unquoted
from shared.ai.contract import ChatReply

ARTICLE = re.compile(r"\b([LRD])\s?[.*]{0,2}\s?(\d{3,4}(?:-\d+){1,3})\b", re.IGNORECASE)


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
    cited = {_key(*match.groups()) for c in reply.citations for match in ARTICLE.finditer(c.number)}
    named = {_key(*match.groups()) for match in ARTICLE.finditer(unquoted(reply.response))}
    return "unverified-article" if named - cited else None


def _key(letter: str, number: str) -> str:
    return f"{letter.upper()}{number}"
