"""Whether a mail asks something about somebody's work: whoever does is no robot."""

import re

from mail_service.reading.formulas import folded_text
from mail_service.reading.message import Mail

WORK = re.compile(
    r"\b(?:employeur|patronne?|chef|salaire|salariee?|paye[er]?|contrat|est-ce|puis-je|dois-je|ai-je"
    r"|peut-il|comment|combien|pourquoi|quel\w*|que faire|droit"
    r"|employer|boss|manager says|salary|wages|paid|contract|can i|must i|how|what|why)\b"
    r"|นายจ้าง|หัวหน้า|ค่าจ้าง|เงินเดือน|สัญญา|ไหม|อย่างไร|เท่าไร|老板|雇主|工资|合同|吗|怎么|能否|多少"
)


def asks(mail: Mail) -> bool:
    """Whether the text of a mail has a question mark."""
    return any(mark in mail.text for mark in "?？")


def names_work(text: str) -> bool:
    """Whether a folded text has a word of work, or one that questions begin with."""
    return WORK.search(text) is not None


def asks_of_work(mail: Mail) -> bool:
    """Whether a mail asks something, or names somebody's work."""
    return asks(mail) or names_work(folded_text(f"{mail.subject}\n{mail.text}"))


def is_question_of_work(mail: Mail) -> bool:
    """Whether the text of a mail asks, with a question mark, and names somebody's work."""
    return asks(mail) and names_work(folded_text(mail.text))
