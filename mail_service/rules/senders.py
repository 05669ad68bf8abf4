"""People we were told not to answer, or not among those we were told to answer."""

from mail_service.reading.message import Mail
from mail_service.rules.desk import Desk, matches


def check(mail: Mail, desk: Desk) -> str | None:
    """Refuse blocked senders, and all but the allowed ones when there is such a list."""
    if matches(mail.sender.address, desk.blocked):
        return "blocked"
    if desk.allowed and not matches(mail.sender.address, desk.allowed):
        return "not-allowed"
    return None
