"""Mails above the size limit; the mailbox does not even fetch the body of one."""

from mail_service.reading.message import Mail
from mail_service.rules.desk import Desk


def check(mail: Mail, desk: Desk) -> str | None:
    """Refuse mail larger than the limit."""
    return "too-big" if mail.size_bytes > desk.limits.max_bytes else None
