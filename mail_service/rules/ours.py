"""Our own mail coming back: conditions A9 (sent from our address) and A10 (carries our headers)."""

from mail_service.reading.message import Mail
from mail_service.reply.composer import LOOP_FIELD
from mail_service.rules.context import RuleContext


def check(mail: Mail, context: RuleContext) -> str | None:
    """Match mail that we sent ourselves."""
    local, _, domain = mail.sender.address.rpartition("@")
    if f"{local.partition('+')[0]}@{domain}" in context.addresses:
        return "A9"
    return "A10" if mail.all(LOOP_FIELD) or context.is_our_message_id(mail.message_id) else None
