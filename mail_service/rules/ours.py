"""Our own mail coming back: conditions A9 (sent from our address) and A10 (carries our headers)."""

from mail_service.reading.message import Mail
from mail_service.reply.composer import LOOP_FIELD
from mail_service.rules.context import RuleContext
from mail_service.rules.indirect import is_contact_form


def check(mail: Mail, context: RuleContext) -> str | None:
    """Match mail that we sent ourselves."""
    if mail.all(LOOP_FIELD) or context.is_our_message_id(mail.message_id):
        return "A10"
    is_ours = context.is_ours(mail.sender.address)
    return "A9" if is_ours and not is_contact_form(mail, context) else None
