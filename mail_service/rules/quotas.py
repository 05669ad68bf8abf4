"""More mail than one sender may have answered, and more replies than we write in all.

A sender over quota is held back for a person; when everyone together is (a backlog, a flood), the
mail only waits its turn.
"""

from mail_service.reading.message import Mail
from mail_service.rules.desk import Desk


def check(_mail: Mail, desk: Desk) -> str | None:
    """Hold back what is over quota; a person may still let it through."""
    now, limits = desk.history, desk.limits
    over = {
        "sender-hour": now.from_sender_hour > limits.sender_hour,
        "sender-day": now.from_sender_day > limits.sender_day,
    }
    return next((name for name, fired in over.items() if fired), None)


def all_must_wait(desk: Desk) -> bool:
    """Tell whether we have written as many replies as we may for now."""
    now, limits = desk.history, desk.limits
    return (
        now.replies_to_everyone_hour >= limits.everyone_hour
        or now.replies_to_everyone_minute >= limits.everyone_minute
    )
