"""Every step of a delivery, refused for now, for good or by a broken connection; over real sockets.

The relay is a script of answers, because a real one refuses only at some of the steps.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from deploy.local.dovecot import make_certificate
from mail_service.ledger.records import Delivery
from mail_service.reply.outbox import DeliveryResult, deliver
from mail_service.settings import SmtpSettings

OFFERED = "250-relay.example\r\n250-AUTH PLAIN\r\n250-{more}\r\n250 ENHANCEDSTATUSCODES"
ACCEPTED = {
    "greeting": "220 relay.example",
    "EHLO": OFFERED.format(more="SMTPUTF8"),
    "HELO": "250 relay.example",
    "AUTH": "235 2.7.0 ok",
    "STARTTLS": "220 2.0.0 ready",
    "MAIL": "250 2.1.0 ok",
    "RCPT": "250 2.1.5 ok",
    "DATA": "354 go on",
    "content": "250 2.0.0 stored",
}
CUT = ""
TLS_ONLY = {"EHLO": OFFERED.format(more="STARTTLS"), "AUTH": "530 5.7.0 first STARTTLS"}


@dataclass
class ScriptedRelay:
    """Answers each command as scripted; an empty answer breaks the connection."""

    answers: Mapping[str, str]
    port: int = 0
    commands: list[str] = field(default_factory=list)
    clients: list[asyncio.Task[None]] = field(default_factory=list)

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer a client."""
        self.clients.append(asyncio.create_task(self._answer(reader, writer)))

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one client until it leaves."""
        step = "greeting"
        while answer := self.answers.get(step, "250 ok"):
            writer.write(answer.encode() + b"\r\n")
            if step == "DATA" and answer.startswith("354"):
                await reader.readuntil(b"\r\n.\r\n")
                step = "content"
                continue
            line = (await reader.readline()).decode("utf-8", "replace").split()
            if not line:
                break
            self.commands.append(" ".join(line))
            step = line[0].upper()
        writer.transport.abort()


@asynccontextmanager
async def scripted(
    answers: Mapping[str, str], tls: ssl.SSLContext | None = None
) -> AsyncIterator[ScriptedRelay]:
    relay = ScriptedRelay({**ACCEPTED, **answers})
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0, ssl=tls)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        await asyncio.wait(relay.clients or [asyncio.create_task(asyncio.sleep(0))])


async def delivered(
    relay: ScriptedRelay, recipient: str = "camille@personne.example", **changes: Any
) -> DeliveryResult:
    settings = SmtpSettings(
        host="127.0.0.1",
        port=relay.port,
        tls="none",
        user="us",
        password=SecretStr("secret"),
        timeout_s=5,
        bounce_domain="neo.example",
    ).model_copy(update=changes)
    letter = Delivery(
        id=1,
        mail_id=1,
        mailbox="main",
        recipient=recipient,
        message_id="<r1@neo.example>",
        envelope_token="t",  # noqa: S106 - no secret
        content=b"Subject: x\r\n\r\nx\r\n",
        attempts=1,
    )

    async def begun() -> bool:
        return True

    return await deliver(settings, letter, begun)


STEPS = {
    # step: state after 4xx, after 5xx (and whether the relay's queue pauses), after a cut
    "greeting": ("deferred", "deferred, paused", "deferred"),
    "EHLO": ("deferred", "deferred, paused", "deferred"),
    "AUTH": ("deferred", "deferred, paused", "deferred"),
    "MAIL": ("deferred", "deferred, paused", "deferred"),
    "RCPT": ("deferred", "failed", "deferred"),
    "DATA": ("deferred", "failed", "unknown"),
    "content": ("deferred", "failed", "unknown"),
}


async def test_each_step_refused_for_now_for_good_or_cut_leaves_the_right_state() -> None:
    found, wanted = {}, {}
    for step, states in STEPS.items():
        for answer, state in zip(("451 4.3.0 later", "554 5.0.0 no", CUT), states, strict=True):
            refused = {"EHLO": answer, "HELO": answer} if step == "EHLO" else {step: answer}
            async with scripted(refused) as relay:
                result = await delivered(relay)
            paused = ", paused" if result.client_rejected else ""
            found[step, answer] = f"{result.state}{paused}"
            wanted[step, answer] = state
            assert "later" not in result.answer
            assert "no" not in result.answer.split()
    assert found == wanted


async def test_a_letter_leaves_by_tls_or_not_at_all(tmp_path: Path) -> None:
    await asyncio.to_thread(make_certificate, tmp_path)
    trusted = {"tls_ca": tmp_path / "cert.pem"}
    own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    own.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    starttls: dict[str, Any] = {"tls": "starttls"}
    cases: dict[str, tuple[Mapping[str, str], ssl.SSLContext | None, dict[str, Any], str]] = {
        "not offered": ({}, None, starttls, "deferred, paused"),
        "later": ({**TLS_ONLY, "STARTTLS": "454 4.7.0 x"}, None, starttls, "deferred"),
        "refused": ({**TLS_ONLY, "STARTTLS": "554 5.7.0 x"}, None, starttls, "deferred, paused"),
        "no TLS behind it": (TLS_ONLY, None, starttls, "deferred"),
        "unknown authority": ({}, own, {"tls": "implicit"}, "deferred, paused"),
        "trusted": ({}, own, {"tls": "implicit", **trusted}, "sent"),
        "login not offered": ({"EHLO": "250 relay.example"}, None, {}, "deferred, paused"),
    }  # fmt: skip
    found = {}
    for name, (answers, tls, changes, _) in cases.items():
        async with scripted(answers, tls) as relay:
            result = await delivered(relay, **changes)
        paused = ", paused" if result.client_rejected else ""
        found[name] = f"{result.state}{paused}"
        if found[name] != "sent":
            assert not any(line.startswith(("AUTH", "MAIL")) for line in relay.commands), name
    assert found == {name: case[3] for name, case in cases.items()}


async def test_an_address_in_utf_8_is_written_to_where_the_relay_takes_them() -> None:
    async with scripted({}) as relay:
        result = await delivered(relay, "élodie@personne.example")
    assert result.state == "sent"
    assert "MAIL FROM:<bounces+t@neo.example> SMTPUTF8" in relay.commands
    assert "RCPT TO:<élodie@personne.example>" in relay.commands
    for answers, state in (
        ({"EHLO": OFFERED.format(more="8BITMIME")}, "failed"),
        ({"MAIL": "550 5.6.7 not here"}, "failed"),
        ({"RCPT": "553 5.6.7 not there"}, "failed"),
        ({"MAIL": "451 4.3.0 later"}, "deferred"),
    ):
        async with scripted(answers) as relay:
            result = await delivered(relay, "élodie@personne.example")
        assert (result.state, result.client_rejected) == (state, False), answers
