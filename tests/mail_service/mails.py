"""Mails written for the tests, in the format of real clients."""

from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

US = "questions@neo.example"
SERVER = "mx.neo.example"
RECEIVED = (
    "Return-Path: <{envelope}>\n"
    "Received: from relais.personne.example (relais.personne.example [{client}])\n"
    "\tby {by} (Postfix) with ESMTPS id 4F for <questions@neo.example>;\n"
    "\tFri, 20 Nov 2026 09:00:01 +0000\n"
)
"""What our server writes on top of a mail it takes from outside."""
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
    """Return the bytes of `mail_message`.

    With `Authentication_Results` the mail is as our server delivers it: the field and its trace
    fields stand on top, where no sender writes.
    """
    results = options.pop("Authentication_Results", "")
    raw = mail_message(body, **options).as_bytes()
    return delivered(raw, results) if results else raw


def wire_mail(body: str = QUESTION, **options: str) -> bytes:
    """Return the bytes of `raw_mail` with the line ends of the wire: Cyrus refuses bare ones."""
    return raw_mail(body, **options).replace(b"\n", b"\r\n")


def delivered(
    raw: bytes,
    results: str = "",
    *,
    client: str = "192.0.2.7",
    envelope: str = "camille@personne.example",
    by: str = SERVER,
) -> bytes:
    """Return the mail `raw` with the fields that our server writes when it takes it."""
    head = f"Authentication-Results: {results}\n" if results else ""
    return (head + RECEIVED.format(client=client, envelope=envelope, by=by)).encode() + raw
