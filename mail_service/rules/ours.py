"""Our own mail coming back: rules A9 (our address wrote it) and A10 (our mark is on it)."""

from mail_service.reading.message import Mail
from mail_service.rules.desk import Desk

LOOP_FIELD = "x-neo-loop"


def check(mail: Mail, desk: Desk) -> str | None:
    """Refuse what we sent ourselves."""
    local, _, domain = mail.sender.address.rpartition("@")
    if f"{local.partition('+')[0]}@{domain}" in desk.addresses:
        return "A9"
    return "A10" if mail.all(LOOP_FIELD) or desk.is_our_message_id(mail.message_id) else None
