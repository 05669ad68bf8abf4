"""Mailing lists and mass mail: conditions A4 and A5 (RFC 2919, RFC 2369)."""

import re

from mail_service.reading.message import Mail
from mail_service.rules.context import RuleContext
from mail_service.rules.indirect import comes_through_group

PRECEDENCE = re.compile(r"\b(bulk|list|junk|auto[_-]reply)\b", re.IGNORECASE)
LIST_FIELDS = (
    "list-id",
    "list-post",
    "list-unsubscribe",
    "mailing-list",
    "x-mailing-list",
    "x-ml-name",
    "x-ml-info",
    "x-mlserver",
)


def check(mail: Mail, context: RuleContext) -> str | None:
    """Match mail that was sent to many."""
    precedence = mail.all("precedence") + mail.all("x-precedence")
    if comes_through_group(mail, context):
        return None
    if any(PRECEDENCE.search(value) for value in precedence):
        return "A4"
    return "A5" if mail.has_any(LIST_FIELDS) else None
