"""Reply rate per sender: who answers each of our replies at once may be an undeclared robot.

Quarantines instead of dropping, because it may as well be a person with many questions. A mail that
tells of danger to life is answered all the same: the loop limit (brake.py) still holds.
"""

from mail_service.reading.message import Mail
from mail_service.rules.context import RuleContext
from mail_service.rules.danger import tells_of_danger


def check(mail: Mail, context: RuleContext) -> str | None:
    """Match a sender who had too many replies within the hour."""
    too_many = context.history.replies_to_sender_hour >= context.limits.replies_per_sender_hour
    return "sender-hour" if too_many and not tells_of_danger(mail) else None
