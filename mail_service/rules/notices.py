"""What a mail program writes about a mail: receipts, and recalls, without a report's type.

Condition A14. The sentences are those of Outlook and Exchange; a person who asks about a recall or
a receipt writes more than one of them.
"""

import re

from mail_service.reading.message import Mail
from mail_service.rules.context import RuleContext

MAX_NOTICE_CHARACTERS = 700
RECEIPT_SUBJECT = re.compile(
    r"(?:lu|non lu|read|not read|gelesen|ungelesen|leído|letto|已读|未读)\s?[:：]", re.IGNORECASE
)
RECEIPT = re.compile(
    r"\ba été (?:lu|supprimé sans être lu|affiché)\b|\bwas (?:read|deleted without being read"
    r"|displayed) on\b|accusé de (?:lecture|réception)|read receipt"
    r"|wurde .{0,60}gelesen|se leyó el",
    re.IGNORECASE,
)
RECALL = re.compile(
    r"(?:souhaite|voudrait|désire) rappeler le message|would like to recall the message"
    r"|möchte die nachricht .{0,200}zurückrufen|desea recuperar el mensaje",
    re.IGNORECASE | re.DOTALL,
)


def check(mail: Mail, _context: RuleContext) -> str | None:
    """Match a receipt or a recall that is all a mail says."""
    text = mail.text or mail.full_text
    if len(text) > MAX_NOTICE_CHARACTERS or "?" in text:
        return None
    is_receipt = RECEIPT_SUBJECT.match(mail.subject) and RECEIPT.search(text)
    return "A14" if is_receipt or RECALL.search(text) else None
