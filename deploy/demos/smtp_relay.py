"""An SMTP relay that records what it accepts and fails on demand: for the demo, tests and benches.

Serves on loopback, in the caller's event loop.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Literal

from aiosmtpd.smtp import SMTP, Envelope, Session

SLOW_S = 3600.0


@dataclass(frozen=True, slots=True)
class Received:
    """A mail the relay has accepted."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes

    @property
    def mail(self) -> EmailMessage:
        """Return the mail, parsed."""
        return message_from_bytes(self.content, policy=default)

    def text(self, kind: Literal["plain", "html"] = "plain") -> str:
        """Return the body as text or as HTML; empty when the mail has no such body."""
        body = self.mail.get_body((kind,))
        return str(body.get_content()) if body else ""


@dataclass
class RecordingRelay:
    """An SMTP server that keeps what it accepts.

    `answer` maps the number of the attempt (from 0) to the reply to DATA: an SMTP reply ("250 ok",
    "451 later"), `cut` to store the mail and drop the connection without a reply, `slow` to store
    it and never reply. `refuse`, when set, is the reply to every RCPT, `refuse_us` that to EHLO and
    HELO, `refuse_sender` that to MAIL.
    """

    answer: Callable[[int], str] = field(default=lambda _number: "250 2.0.0 stored")
    refuse: str = ""
    refuse_us: str = ""
    refuse_sender: str = ""
    utf8: bool = True
    """Whether addresses in UTF-8 are taken (RFC 6531)."""
    port: int = 0
    received: list[Received] = field(default_factory=list)
    attempts: int = 0
    on_stored: Callable[[], None] = field(default=lambda: None)
    """Called after storing a mail, before the reply: a crash there can cause a duplicate."""

    async def handle_EHLO(
        self, _server: SMTP, session: Session, _envelope: Envelope, host: str, lines: list[str]
    ) -> list[str]:
        """Reply to EHLO."""
        session.host_name = host
        return [self.refuse_us] if self.refuse_us else lines

    async def handle_HELO(
        self, server: SMTP, session: Session, _envelope: Envelope, host: str
    ) -> str:
        """Reply to HELO."""
        session.host_name = host
        return self.refuse_us or f"250 {server.hostname}"

    async def handle_MAIL(
        self, _server: SMTP, _session: Session, envelope: Envelope, sender: str, _options: object
    ) -> str:
        """Reply to MAIL."""
        if self.refuse_sender:
            return self.refuse_sender
        envelope.mail_from = sender
        return "250 ok"

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: object
    ) -> str:
        """Reply to RCPT."""
        if self.refuse:
            return self.refuse
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Store the mail, refuse it, or fail as configured."""
        reply = self.answer(self.attempts)
        self.attempts += 1
        if reply.startswith(("2", "cut", "slow")):
            content = envelope.original_content or b""
            sender = envelope.mail_from or ""
            self.received.append(Received(sender, tuple(envelope.rcpt_tos), content))
            self.on_stored()
        if reply == "cut":
            if isinstance(server.transport, asyncio.Transport):
                server.transport.abort()
            return "421 cut"
        if reply == "slow":
            await asyncio.sleep(SLOW_S)
        return reply


@asynccontextmanager
async def relay(**options: object) -> AsyncIterator[RecordingRelay]:
    """Serve a RecordingRelay on a free port."""
    handler = RecordingRelay(**options)  # type: ignore[arg-type]
    loop = asyncio.get_running_loop()
    sessions: list[SMTP] = []

    def session() -> SMTP:
        sessions.append(
            SMTP(handler, hostname="relay.example", loop=loop, enable_SMTPUTF8=handler.utf8)
        )
        return sessions[-1]

    server = await loop.create_server(session, "127.0.0.1", handler.port)
    handler.port = server.sockets[0].getsockname()[1]
    try:
        yield handler
    finally:
        server.close()
        for open_session in sessions:
            if isinstance(open_session.transport, asyncio.Transport):
                open_session.transport.abort()
        await asyncio.sleep(0)  # a socket is closed in the loop's next turn
