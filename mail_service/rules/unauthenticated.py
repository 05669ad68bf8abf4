"""Senders who are not who they say: authentication failed, or is missing where it is required."""

from mail_service.reading.message import Mail
from mail_service.rules.desk import Desk


def check(_mail: Mail, desk: Desk) -> str | None:
    """Hold back forged mail for a person."""
    if desk.authentication == "fail":
        return "auth-fail"
    if desk.authentication == "unknown" and not desk.answers_unauthenticated:
        return "auth-unknown"
    return None
