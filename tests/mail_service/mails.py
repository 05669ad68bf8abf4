"""Mails written for the tests, in the format of real clients."""

from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

US = "questions@neo.example"
PERSON = "Camille Durand <camille@personne.example>"
QUESTION = (
    "Bonjour,\n\nJe souhaite démissionner de mon CDI. Quelle est la durée du préavis en cas de "
    "démission ?\n\nCordialement,\nCamille Durand"
)


def mail_message(
    body: str = QUESTION,
    *,
    sender: str = PERSON,
    to: str = US,
    subject: str = "Préavis de démission",
    message_id: str = "<a1@personne.example>",
    **fields: str,
) -> EmailMessage:
    """Return a plain mail; `fields` become headers, `_` standing for `-`."""
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = to
    mail["Subject"] = subject
    mail["Date"] = format_datetime(datetime(2026, 11, 20, 9, 0, tzinfo=UTC))
    if message_id:
        mail["Message-ID"] = message_id
    for name, value in fields.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(body)
    return mail


def raw_mail(body: str = QUESTION, **options: str) -> bytes:
    """Return the bytes of `mail_message`."""
    return mail_message(body, **options).as_bytes()
