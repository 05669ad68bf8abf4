"""Out-of-office messages without the headers they should carry: condition A8, by their subject.

The subject must start with the phrase, or with "absent" before the subject that is answered. The
bare words "absence" and "avertissement" are topics of labour law and never match.
"""

import re

from mail_service.reading.message import Mail
from mail_service.rules.context import RuleContext

SUBJECT = re.compile(
    r"(\[[^\]]*\]\s*)?(auto ?:|automatic (reply|response)|auto[- ]?(reply|response)\b"
    r"|réponse automatique|message automatique|absence du bureau|message d['’]absence"
    r"|out of (the )?resources|abwesenheitsnotiz|automatische antwort|respuesta automática"
    r"|risposta automatica|fuori sede|automatisch antwoord|autosvar|automatisk svar|frånvaro"
    r"|\W*je suis (actuellement )?absente? du bureau"
    r"|(absente?|en congés?|away|on leave|ooo)\b[^:?]{0,40}\b(re|rép|aw)\s?:)",
    re.IGNORECASE,
)


def check(mail: Mail, _context: RuleContext) -> str | None:
    """Match a subject that starts like an out-of-office message."""
    return "A8" if SUBJECT.match(mail.subject) else None
