"""The end of any ping-pong with a robot that carries no sign of being one.

Counts our replies, whatever the headers say: per conversation, per sender and per domain, and
stops at once when a sender repeats the same words.
"""

from mail_service.reading.message import Mail
from mail_service.rules.desk import Desk


def check(mail: Mail, desk: Desk) -> str | None:
    """Stay silent when we have answered enough."""
    now, limits = desk.history, desk.limits
    if now.same_words_day:
        return "same-words"
    if now.replies_to_conversation_day >= limits.replies_per_conversation_day:
        return "conversation"
    if now.replies_to_sender_3_hours >= limits.replies_per_sender_3_hours:
        return "sender"
    shared = mail.sender.domain in limits.public_domains
    if now.replies_to_domain_hour >= limits.replies_per_domain_hour and not shared:
        return "domain"
    return None
