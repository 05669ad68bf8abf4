"""Whether a mail asks anything: words besides greetings, closing formulas and signatures."""

import re

from mail_service.reading.formulas import CLOSING, GREETING_WORDS, THANKS, WORDS, folded_text
from mail_service.reading.message import Mail
from mail_service.reading.quoting import DASHES, DEVICE
from shared.privacy.plain_text import without_invisible

_CONTACT = re.compile(
    r"\W*(?:(?:tel|telephone|mob|mobile|portable|fax|mail|e-?mail|courriel|web)\W{0,4})?"
    r"(?:[+(]?\d[\d ().+/-]{5,24}|[\w.+-]+@[\w.-]+|(?:https?://|www\.)\S+)\W*"
)
_POLITE = (THANKS, CLOSING, _CONTACT)
_REPLY_MARK = re.compile(r"\s*(?:(?:re|ref|fwd?|tr|rep)\s*:\s*)+", re.IGNORECASE)
_SUBJECT_WORDS = 4
"""Of a subject that asks without a question mark; fewer name a topic ("Demande d'information")."""


def asks_in_text(mail: Mail) -> bool:
    """Whether the text of a mail, or of an attachment, has words of a question."""
    if any(file.text.strip() for file in mail.attachments):
        return True
    said = GREETING_WORDS | set(WORDS.findall(folded_text(mail.sender.name)))
    for line in without_invisible(mail.question).splitlines():
        plain = folded_text(line).strip()
        if DASHES.fullmatch(line) or (CLOSING.fullmatch(plain) and "?" not in mail.question):
            return False  # what follows signs the mail
        words = set(WORDS.findall(plain)) - said
        polite = any(form.fullmatch(plain) for form in _POLITE)
        if words and not (polite or DEVICE.fullmatch(line.strip())):
            return True
    return False


def asks_in_subject(mail: Mail) -> bool:
    """Whether the subject of a mail is a question that its text does not repeat."""
    subject = _REPLY_MARK.sub("", mail.subject, count=1)
    return "?" in subject or len(WORDS.findall(subject)) >= _SUBJECT_WORDS
