"""Mail a person wrote through a web form or a Google group: somebody has to see whom to answer.

A form of our own site writes our address as its sender, a group its own (it rewrites From so that
DMARC passes); the person is in Reply-To or X-Original-From, where anybody may write anything.
Conditions A9f (a form) and A5g (a group).
"""

from mail_service.reading.message import Mail
from mail_service.rules.context import RuleContext


def check(mail: Mail, context: RuleContext) -> str | None:
    """Match mail whose writer is not its sender."""
    if is_contact_form(mail, context):
        return "A9f"
    return "A5g" if comes_through_group(mail, context) else None


def is_contact_form(mail: Mail, context: RuleContext) -> bool:
    """Whether a mail has our address as its sender and a stranger to reply to."""
    strangers = [each for each in mail.reply_to if not context.is_ours(each.address)]
    return context.is_ours(mail.sender.address) and bool(strangers)


def comes_through_group(mail: Mail, context: RuleContext) -> bool:
    """Whether a Google group that is one of our addresses passed on somebody's mail."""
    if not mail.has_any({"x-google-group-id"}):
        return False
    writes = mail.has_any({"x-original-from", "x-original-sender"}) or bool(mail.reply_to)
    return writes and any(context.is_ours(each.address) for each in mail.recipients)
