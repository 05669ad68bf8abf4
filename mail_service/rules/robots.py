"""Senders with an unattended address (no-reply, list servers): conditions A7 and A7d.

An address that is such a word and nothing else is one. With more words in it ("gmail-noreply",
"noreply.please", "shop.owner") it may be a service or the address that a person chose: then the
header or the text has to tell, and a mail that tells neither way is for a person to see (A7d).
"""

import re
from collections.abc import Iterator

from mail_service.reading.addresses import Address
from mail_service.reading.formulas import folded_text
from mail_service.reading.message import Mail
from mail_service.rules.asking import asks_of_work
from mail_service.rules.context import RuleContext

UNATTENDED = r"(?:(?:do-?)?not?-?reply|ne-?pas-?repondre)"
UNATTENDED_ADDRESS = re.compile(rf"{UNATTENDED}-?\d*|majordomo|listserv|mailman")
WITH_MORE_WORDS = re.compile(rf"(?:.+-)?{UNATTENDED}(?:-.+)?|owner-.+|.+-request|.+-owner")
MASS_MAIL_FIELDS = (
    "feedback-id",
    "x-csa-complaints",
    "x-report-abuse",
    "x-ses-outgoing",
    "x-sg-eid",
    "x-mailgun-sid",
    "x-mandrill-user",
    "x-mailin-eid",
    "x-mj-mid",
    "x-pm-message-id",
    "x-msfbl",
    "x-campaign-id",
    "x-github-reason",
    "x-cron-env",
    "errors-to",
)
"""What senders of notifications add; alone it says nothing (a person may write through them)."""
SAYS_SO = re.compile(
    r"\b(?:ne (?:pas|mai) (?:y )?repondre|ne repondez pas|(?:do not|don['’]t) reply"
    r"|(?:not|n['’]est pas) (?:monitored|lue?|surveillee?)"
    r"|(?:message|e-?mail|courriel) (?:est )?(?:envoye |genere )?automatique(?:ment)?"
    r"|automatically (?:generated|sent)|automated (?:message|e-?mail)|unsubscribe|desabonner"
    r"|nicht (?:auf diese .{0,20})?antworten)\b"
    r"|請勿回[復覆]|请勿回复|自动(?:发送|生成)|(?:โปรด|กรุณา)อย่าตอบกลับ|ข้อความอัตโนมัติ"
)


def check(mail: Mail, _context: RuleContext) -> str | None:
    """Match addresses that accept no mail."""
    if not mail.sender.can_be_written_to:
        return "A7"
    if any(UNATTENDED_ADDRESS.fullmatch(local) for local in _local_parts(mail)):
        return "A7"
    return "A7" if _has_more_words(mail) and _is_sent_by_machine(mail) else None


def check_doubtful(mail: Mail, _context: RuleContext) -> str | None:
    """Match such an address with more words, of a mail that neither asks nor tells what it is."""
    doubtful = _has_more_words(mail) and not _is_sent_by_machine(mail)
    return "A7d" if doubtful and not asks_of_work(mail) else None


def _has_more_words(mail: Mail) -> bool:
    return any(WITH_MORE_WORDS.fullmatch(local) for local in _local_parts(mail))


def _is_sent_by_machine(mail: Mail) -> bool:
    """Whether mass mail's fields, another return path or the text say that a machine sends this."""
    path = mail.first("return-path").strip().strip("<>").lower()
    elsewhere = bool(path) and path.rpartition("@")[2] != mail.sender.domain
    says_so = SAYS_SO.search(folded_text(mail.full_text))
    return elsewhere or mail.has_any(MASS_MAIL_FIELDS) or says_so is not None


def _local_parts(mail: Mail) -> Iterator[str]:
    """Yield the local parts of who wrote and who is to be answered, words joined by dashes."""
    senders: tuple[Address, ...] = (mail.sender, *mail.reply_to)
    for each in senders:
        yield re.sub(r"[._]", "-", each.local_part.partition("+")[0])
