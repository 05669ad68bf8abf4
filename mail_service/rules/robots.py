"""Senders whose very address says that nobody reads there: rule A7.

The whole local part is compared, so that `mtardieu` is not taken for an `mta`.
"""

import re

from mail_service.reading.message import Mail
from mail_service.rules.desk import Desk

LOCAL_PART = re.compile(
    r"(.+-)?((do-?)?not?-?reply|ne-?pas-?repondre)(-.+)?"
    r"|majordomo|listserv|mailman|owner-.+|.+-request|.+-owner"
)


def check(mail: Mail, _desk: Desk) -> str | None:
    """Refuse addresses that take no mail."""
    for each in (mail.sender, *mail.reply_to):
        local = re.sub(r"[._]", "-", each.local_part.partition("+")[0])
        if LOCAL_PART.fullmatch(local):
            return "A7"
    return None if mail.sender.can_be_written_to else "A7"
