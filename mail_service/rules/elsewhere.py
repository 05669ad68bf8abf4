"""Mail in which none of our addresses is a recipient: rule A12 (RFC 3834, section 2).

What reached us as a blind copy or through an alias that is not in the settings is not answered.
"""

from mail_service.reading.message import Mail
from mail_service.rules.desk import Desk


def check(mail: Mail, desk: Desk) -> str | None:
    """Refuse what was not written to us."""
    for each in mail.recipients:
        local, _, domain = each.address.rpartition("@")
        if f"{local.partition('+')[0]}@{domain}" in desk.addresses:
            return None
    return "A12"
