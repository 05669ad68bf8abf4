"""Unauthenticated senders: authentication failed, or is missing where it is required."""

from mail_service.reading.message import Mail
from mail_service.rules.context import RuleContext


def check(_mail: Mail, context: RuleContext) -> str | None:
    """Match mail whose sender may be forged."""
    if context.authentication == "fail":
        return "auth-fail"
    if context.authentication == "unknown" and not context.answers_unauthenticated:
        return "auth-unknown"
    return None
