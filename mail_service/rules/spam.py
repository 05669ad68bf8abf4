"""What a spam filter says; when the filter we rely on is down, a person decides."""

from mail_service.reading.message import Mail
from mail_service.rules.desk import Desk


def check(_mail: Mail, desk: Desk) -> str | None:
    """Hold back mail that scores as spam or could not be scored."""
    if desk.spam_score is None:
        return "spam-unknown"
    return "spam" if desk.spam_score >= desk.limits.spam_score else None
