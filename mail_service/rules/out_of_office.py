"""Absence messages that carry none of the headers they should: rule A8, by their subject.

The subject must start so. The bare words "absence" and "avertissement" are the question itself in
labour law and never count.
"""

import re

from mail_service.reading.message import Mail
from mail_service.rules.desk import Desk

SUBJECT = re.compile(
    r"(\[[^\]]*\]\s*)?(auto ?:|automatic (reply|response)|auto[- ]?(reply|response)\b"
    r"|réponse automatique|message automatique|absence du bureau|message d['’]absence"
    r"|out of (the )?office|abwesenheitsnotiz|automatische antwort|respuesta automática"
    r"|risposta automatica|fuori sede|automatisch antwoord|autosvar|automatisk svar|frånvaro"
    r"|\W*je suis (actuellement )?absente? du bureau)",
    re.IGNORECASE,
)


def check(mail: Mail, _desk: Desk) -> str | None:
    """Refuse what starts like an absence message."""
    return "A8" if SUBJECT.match(mail.subject) else None
