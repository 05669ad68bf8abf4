"""Delivery reports and complaints, to which a reply would not be read (RFC 3464, RFC 5965).

Conditions A2 (null return path), A3 (report types), A7 and A8 where they name a mail system: "Non
remis : mon certificat de travail" above a question about work is a person's.
"""

import re

from mail_service.reading.message import Mail
from mail_service.rules.asking import is_question_of_work
from mail_service.rules.context import RuleContext

REPORTS = frozenset(
    {
        "multipart/report",
        "message/delivery-status",
        "message/global-delivery-status",
        "message/disposition-notification",
        "message/feedback-report",
    }
)
SYSTEM = re.compile(
    r"(mailer-?daemon|post-?master|bounces?|mail-?system|mailer-?system|mta|mmdf|post-?resources"
    r"|mail-?delivery-?subsystem|mail-?delivery-?system|.+-bounces)"
)
SYSTEM_NAME = re.compile(
    r"mail delivery|delivery (sub)?system|mailer-daemon|postmaster", re.IGNORECASE
)
SUBJECT = re.compile(
    r"(\[[^\]]*\]\s*)?(undeliver|unzustellbar|delivery (status|failure|has failed|notification)"
    r"|mail delivery|failure notice|returned mail|message (non remis|non distribué)"
    r"|non[- ]remis\b|échec de (la )?(remise|distribution)|warning: could not"
    r"|mail system error|message could not be delivered|complaint about message from)",
    re.IGNORECASE,
)


def check(mail: Mail, _context: RuleContext) -> str | None:
    """Match reports of mail systems."""
    paths = mail.all("return-path")
    if paths and paths[0].strip() in {"", "<>"}:
        return "A2"
    if REPORTS & set(mail.content_types) or mail.all("x-failed-recipients"):
        return "A3"
    senders = (mail.sender, *mail.reply_to)
    locals_ = (re.sub(r"[._]", "-", each.local_part.partition("+")[0]) for each in senders)
    if any(SYSTEM.fullmatch(part) for part in locals_) or SYSTEM_NAME.search(mail.sender.name):
        return "A7"
    return "A8" if SUBJECT.match(mail.subject) and not is_question_of_work(mail) else None
