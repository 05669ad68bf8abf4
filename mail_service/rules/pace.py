"""Reply rate per sender: who answers each of our replies at once may be an undeclared robot.

Quarantines instead of dropping, because it may as well be a person with many questions.
"""

from mail_service.reading.message import Mail
from mail_service.rules.context import RuleContext


def check(_mail: Mail, context: RuleContext) -> str | None:
    """Match a sender who had too many replies within the hour."""
    too_many = context.history.replies_to_sender_hour >= context.limits.replies_per_sender_hour
    return "sender-hour" if too_many else None
