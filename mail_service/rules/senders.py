"""The configured block list and allow list of senders."""

from mail_service.reading.message import Mail
from mail_service.rules.context import RuleContext, matches


def check(mail: Mail, context: RuleContext) -> str | None:
    """Match blocked senders, and all but the allowed ones when there is an allow list."""
    if matches(mail.sender.address, context.blocked):
        return "blocked"
    if context.allowed and not matches(mail.sender.address, context.allowed):
        return "not-allowed"
    return None
