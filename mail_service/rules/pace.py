"""A sender who answers each of our replies at once may be a robot that hides well: a person looks.

Holds back instead of staying silent, because it may as well be a person with many questions.
"""

from mail_service.reading.message import Mail
from mail_service.rules.desk import Desk


def check(_mail: Mail, desk: Desk) -> str | None:
    """Hold back a sender who had several replies within the hour."""
    many = desk.history.replies_to_sender_hour >= desk.limits.replies_per_sender_hour
    return "sender-hour" if many else None
