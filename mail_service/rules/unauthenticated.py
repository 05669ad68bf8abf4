"""Unauthenticated senders: authentication failed, or is missing where it is required."""

from mail_service.reading.message import Mail
from mail_service.rules.context import RuleContext
from mail_service.sender_checks.authentication import Outcome


def check(mail: Mail, context: RuleContext) -> str | None:
    """Match mail whose sender may be forged."""
    if context.authentication.outcome is Outcome.FAIL:
        return "auth-fail"
    proven = context.authentication.proves(mail.sender.address)
    if not proven and not context.answers_unauthenticated:
        return "auth-unknown"
    return None
