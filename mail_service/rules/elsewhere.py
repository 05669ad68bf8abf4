"""Mail without any of our addresses among its recipients: condition A12 (RFC 3834, section 2).

A blind copy, or mail through an alias that is not in the settings, gets no reply.
"""

from mail_service.reading.message import Mail
from mail_service.rules.context import RuleContext


def check(mail: Mail, context: RuleContext) -> str | None:
    """Match mail that was not addressed to us."""
    addressed = any(context.is_ours(each.address) for each in mail.recipients)
    return None if addressed else "A12"
