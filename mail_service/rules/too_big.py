"""Mail above the size limit, of which the monitor fetches only the header."""

from mail_service.reading.message import Mail
from mail_service.rules.context import RuleContext


def check(mail: Mail, context: RuleContext) -> str | None:
    """Match mail larger than the limit."""
    return "too-big" if mail.size_bytes > context.limits.max_bytes else None
