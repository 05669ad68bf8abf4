"""Sends a message of the contact form to the operator's mailbox, by SMTP."""

import asyncio
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid

import aiosmtplib
import structlog

from ai_core.errors import MessageNotSent
from ai_core.settings import ContactSettings
from shared.clock import Clock

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ContactMessage:
    """What goes to the operator; `answer_to` is an address that nobody has verified, or empty."""

    subject: str
    text: str
    answer_to: str


def is_open(settings: ContactSettings) -> bool:
    """Whether messages can be sent."""
    return bool(settings.to and settings.smtp_host)


class ContactMail:
    """The way to the operator's mailbox."""

    def __init__(self, settings: ContactSettings) -> None:
        self._settings = settings

    async def send(self, message: ContactMessage, clock: Clock) -> None:
        """Send a message, once. Raises MessageNotSent; nothing of the message is logged."""
        settings = self._settings
        mail = compose(message, settings, clock)
        try:
            async with asyncio.timeout(settings.timeout_s * 2):
                await aiosmtplib.send(
                    mail,
                    hostname=settings.smtp_host,
                    port=settings.smtp_port,
                    timeout=settings.timeout_s,
                    use_tls=settings.tls == "implicit",
                    start_tls=settings.tls == "starttls",
                    tls_context=await asyncio.to_thread(_tls_context, settings),
                    username=settings.user or None,
                    password=settings.password.get_secret_value() or None,
                )
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            _log.warning("contact_message_not_sent", error=type(error).__name__)
            raise MessageNotSent from error


def compose(message: ContactMessage, settings: ContactSettings, clock: Clock) -> EmailMessage:
    """Return the mail: from us, so that SPF and DKIM hold; answers go to who wrote."""
    sender = settings.sender or settings.to
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = settings.to
    mail["Subject"] = message.subject
    mail["Date"] = format_datetime(clock.now())
    mail["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    mail["Auto-Submitted"] = "auto-generated"
    if message.answer_to:
        mail["Reply-To"] = message.answer_to
    mail.set_content(message.text)
    return mail


def _tls_context(settings: ContactSettings) -> ssl.SSLContext | None:
    if settings.tls == "none":
        return None
    return ssl.create_default_context(cafile=str(settings.tls_ca) if settings.tls_ca else None)
