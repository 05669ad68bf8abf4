"""Whether a mail tells of danger to life; such a mail is answered whatever its sender's quota."""

from mail_service.reading.message import Mail
from shared.distress import help_lines


def tells_of_danger(mail: Mail) -> bool:
    """Whether the subject or the text of a mail tells of suicide or violence."""
    return help_lines(f"{mail.subject}\n{mail.text}", "fr") is not None
