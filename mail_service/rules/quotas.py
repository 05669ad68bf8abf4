"""Quotas per sender, and the total rate of our replies.

Mail of a sender over quota is quarantined; when the total rate is reached (a backlog, a flood), the
mail is postponed. A mail that tells of danger to life is answered whatever its sender's quota: the
loop limit (brake.py) still holds.
"""

from mail_service.reading.message import Mail
from mail_service.rules.context import RuleContext
from mail_service.rules.danger import tells_of_danger


def check(mail: Mail, context: RuleContext) -> str | None:
    """Match a sender over quota; a person may still release the mail."""
    history, limits = context.history, context.limits
    exceeded = {
        "sender-hour": history.from_sender_hour > limits.sender_hour,
        "sender-day": history.from_sender_day > limits.sender_day,
    }
    over = next((name for name, is_over in exceeded.items() if is_over), None)
    return None if over and tells_of_danger(mail) else over


def total_rate_reached(context: RuleContext) -> bool:
    """Return whether the replies to everyone have reached the limit per hour or minute."""
    history, limits = context.history, context.limits
    return (
        history.replies_to_everyone_hour >= limits.everyone_hour
        or history.replies_to_everyone_minute >= limits.everyone_minute
    )
