"""May this answer leave without a person reading it? Only if its sources bear it.

Every article it names in its own words must be among its verified citations; an answer that cites
nothing must say that it abstains or ask back. This checks references, not the reasoning.
"""

import re

from mail_service.reply.prose import is_official, unquoted
from shared.ai.contract import ChatReply

ARTICLE = re.compile(r"\b([LRD])\s?[.*]{0,2}\s?(\d{3,4}(?:-\d+){1,3})\b", re.IGNORECASE)


def doubt(reply: ChatReply) -> str | None:
    """Return why a person should read the answer first, or None."""
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
