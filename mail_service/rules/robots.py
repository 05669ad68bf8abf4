"""Senders with an unattended address (no-reply, list servers): condition A7.

The whole local part is compared, so that `mtardieu` does not match `mta`.
"""

import re

from mail_service.reading.message import Mail
from mail_service.rules.context import RuleContext

LOCAL_PART = re.compile(
    r"(.+-)?((do-?)?not?-?reply|ne-?pas-?repondre)(-.+)?"
    r"|majordomo|listserv|mailman|owner-.+|.+-request|.+-owner"
)


def check(mail: Mail, _context: RuleContext) -> str | None:
    """Match addresses that accept no mail."""
    for each in (mail.sender, *mail.reply_to):
        local = re.sub(r"[._]", "-", each.local_part.partition("+")[0])
        if LOCAL_PART.fullmatch(local):
            return "A7"
    return None if mail.sender.can_be_written_to else "A7"
