"""A relay that remembers and misbehaves on demand, and a wire that can be cut: for tests, benches
and the demo. Both serve on loopback, in the caller's event loop.
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
    """A mail the relay has stored."""

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

    `answer` is what it says to the next mails: a reply ("250 ok", "451 later"), `cut` to store the
    mail and hang up without a word, `slow` to store it and stay silent. `refuse` is what it says to
    every recipient, when set.
    """

    answer: Callable[[int], str] = field(default=lambda _number: "250 2.0.0 stored")
    refuse: str = ""
    port: int = 0
    received: list[Received] = field(default_factory=list)
    attempts: int = 0
    on_stored: Callable[[], None] = field(default=lambda: None)
    """Called between storing a mail and answering: where a crash makes a duplicate possible."""

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: object
    ) -> str:
        """Answer to a recipient."""
        if self.refuse:
            return self.refuse
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Store the mail, or refuse it, or misbehave."""
        said = self.answer(self.attempts)
        self.attempts += 1
        if said.startswith(("2", "cut", "slow")):
            content = envelope.original_content or b""
            sender = envelope.mail_from or ""
            self.received.append(Received(sender, tuple(envelope.rcpt_tos), content))
            self.on_stored()
        if said == "cut":
            if isinstance(server.transport, asyncio.Transport):
                server.transport.abort()
            return "421 cut"
        if said == "slow":
            await asyncio.sleep(SLOW_S)
        return said


@asynccontextmanager
async def relay(**options: object) -> AsyncIterator[RecordingRelay]:
    """Serve a RecordingRelay on a free port."""
    handler = RecordingRelay(**options)  # type: ignore[arg-type]
    loop = asyncio.get_running_loop()
    sessions: list[SMTP] = []

    def session() -> SMTP:
        sessions.append(SMTP(handler, hostname="relay.example", loop=loop))
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


class Wire:
    """A TCP proxy whose connections can be reset or frozen."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._writers: set[asyncio.StreamWriter] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.connections = 0

    def cut(self) -> None:
        """Reset every connection."""
        for writer in self._writers:
            writer.transport.abort()

    def freeze(self) -> None:
        """Let nothing through any more, and keep the connections open: a black hole."""
        self._flows.clear()

    def thaw(self) -> None:
        """Let things through again."""
        self._flows.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        self.connections += 1
        self._writers.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers.add(far_writer)
        for source, target in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._pump(source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                await self._flows.wait()
                target.write(data)
                await target.drain()
        except OSError:
            pass
        finally:
            target.close()
            self._writers.discard(target)

    async def close(self) -> None:
        """Carry nothing any more."""
        self.cut()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # a socket is closed in the loop's next turn


@asynccontextmanager
async def wire(port: int) -> AsyncIterator[Wire]:
    """Serve a Wire before `port`."""
    carried = Wire(port)
    server = await asyncio.start_server(carried.serve, "127.0.0.1", 0)
    carried.port = server.sockets[0].getsockname()[1]
    try:
        yield carried
    finally:
        server.close()
        await carried.close()
