"""Loop limit: ends an exchange with a robot that carries no header of one.

Counts our replies, whatever the headers say: per conversation, per sender and per domain; a sender
who repeats the same words gets no further reply.
"""

from mail_service.reading.message import Mail
from mail_service.rules.context import RuleContext


def check(mail: Mail, context: RuleContext) -> str | None:
    """Match when the replies sent have reached a limit."""
    history, limits = context.history, context.limits
    if history.same_words_day:
        return "same-words"
    if history.replies_to_conversation_day >= limits.replies_per_conversation_day:
        return "conversation"
    if history.replies_to_sender_3_hours >= limits.replies_per_sender_3_hours:
        return "sender"
    shared_domain = mail.sender.domain in limits.public_domains
    if history.replies_to_domain_hour >= limits.replies_per_domain_hour and not shared_domain:
        return "domain"
    return None
