"""Thanks and agreement in reply to a letter: nothing is asked, so nothing is answered.

Condition A15. Besides greeting, closing formula and signature the reply holds nothing but words of
shared/texts/courtesies.toml, no question mark and no file.
"""

from mail_service.reading.formulas import between_formulas
from mail_service.reading.message import ANSWERS, Mail
from mail_service.rules.context import CODE, RuleContext
from shared.courtesies import courtesy_of

MOST_CHARACTERS = 300


def check(mail: Mail, context: RuleContext) -> str | None:
    """Match a reply, to us or as its subject says, that only thanks or agrees."""
    asks = any(mark in mail.text for mark in "?？")
    says_so = ANSWERS.match(mail.subject) and not CODE.search(mail.subject)
    is_reply = says_so or context.is_reply_to_us(mail)
    if asks or mail.attachments or not is_reply:
        return None
    said = between_formulas(mail.text, mail.sender.name)
    return "A15" if said and courtesy_of(said, MOST_CHARACTERS) else None
