"""The contact form, from the page to a real SMTP server."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope
from asgi_lifespan import LifespanManager
from justhtml import JustHTML

from deploy.local.redis_server import RedisServer
from tests.ai_core.conftest import START_TIMEOUT_S, SampleLibrary, fresh_keys
from tests.ai_core.web.site_app import OPERATOR, site_app

OURS = {"Origin": "http://ai_core", "Sec-Fetch-Site": "same-origin"}
MESSAGE = "La page sur le préavis est fausse.\r\nAppelez-moi au 06 12 34 56 78, s’il vous plaît."


@dataclass
class Mailbox:
    """An SMTP server that keeps what it takes, or refuses everything."""

    port: int = 0
    refuses: bool = False
    taken: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, _server: SMTP, _session: object, envelope: Envelope) -> str:
        if self.refuses:
            return "451 later"
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, EmailMessage)
        self.taken.append(mail)
        return "250 taken"


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    held = Mailbox()
    loop = asyncio.get_running_loop()
    listener = socket.create_server(("127.0.0.1", 0))
    held.port = listener.getsockname()[1]
    server = await loop.create_server(lambda: SMTP(held, hostname="relay"), sock=listener)
    yield held
    server.close()
    await server.wait_closed()


@pytest.fixture
def contact(mailbox: Mailbox) -> dict[str, Any]:
    return {
        "to": "exploitant@travail.example",
        "smtp_host": "127.0.0.1",
        "smtp_port": mailbox.port,
        "tls": "none",
        "visitor_day": 2,
    }


@pytest.fixture
async def web(
    redis: RedisServer, library: SampleLibrary, tmp_path: Path, contact: dict[str, Any]
) -> AsyncIterator[httpx2.AsyncClient]:
    await fresh_keys(redis)
    site: dict[str, Any] = OPERATOR | {"contact": contact}
    asgi = await asyncio.to_thread(lambda: site_app(redis, library, tmp_path, **site))
    async with (
        LifespanManager(asgi, START_TIMEOUT_S, START_TIMEOUT_S) as manager,
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(manager.app, client=("203.0.113.5", 1)),
            base_url="http://ai_core",
        ) as client,
    ):
        yield client


def parsed(response: httpx2.Response) -> Any:
    return JustHTML(response.text, strict=True, sanitize=False)


async def send(
    web: httpx2.AsyncClient, path: str = "/contact", headers: dict[str, str] = OURS, **fields: str
) -> httpx2.Response:
    return await web.post(path, data=fields, headers=headers)


async def test_a_message_reaches_the_operator_masked_and_its_author_sees_what_was_sent(
    web: httpx2.AsyncClient, mailbox: Mailbox, capsys: pytest.CaptureFixture[str]
) -> None:
    form = parsed(await web.get("/contact")).query("form")[0]
    assert (form.attrs["method"], form.attrs["action"]) == ("post", "/contact")
    response = await send(web, message=MESSAGE, email="camille@exemple.fr", website="")
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    page = parsed(response)
    shown = page.query(".sent")[0].to_text()
    assert "<TEL_1>" in shown
    assert "06 12" not in response.text
    assert "numéro de téléphone" in page.query(".masked")[0].to_text()
    [mail] = mailbox.taken
    body = mail.get_content().replace("\r\n", "\n")
    assert "La page sur le préavis est fausse.\nAppelez-moi au <TEL_1>" in body
    assert "06 12" not in body
    assert mail["To"] == mail["From"] == "exploitant@travail.example"
    assert mail["Reply-To"] == "camille@exemple.fr"
    logged = capsys.readouterr().out
    assert "préavis" not in logged
    assert "camille" not in logged


async def test_no_header_can_be_written_through_the_form(
    web: httpx2.AsyncClient, mailbox: Mailbox
) -> None:
    for address in (
        "a@b.example\r\nBcc: c@d.example",
        "a@b.example\nSubject: x",
        "a@b.example, c@d.example",
        "Nom <a@b.example>",
        "é@b.example",
        "a" * 260 + "@b.example",
        "sans-arobase",
    ):
        response = await send(web, message="Bonjour", email=address)
        assert response.status_code == 422, address
        page = parsed(response)
        assert page.query("#email")[0].attrs["aria-invalid"] == "true"
        assert page.query("#message")[0].to_text().strip() == "Bonjour"
    assert mailbox.taken == []


async def test_what_is_wrong_is_told_above_the_form_in_its_language(
    web: httpx2.AsyncClient, mailbox: Mailbox
) -> None:
    empty = await send(web, "/en/contact", message=" \r\n ")
    assert empty.status_code == 422
    assert "Write your message first." in parsed(empty).query("[role=alert]")[0].to_text()
    long = await send(web, "/th/contact", message="ย" * 5_001)
    assert "5000" in parsed(long).query("[role=alert]")[0].to_text()
    filled = await send(web, message="Bonjour", website="https://spam.example")
    assert filled.status_code == 422
    assert "Laissez ce champ vide" in filled.text
    odd = await web.post("/contact", content=b"\xff\xfe", headers=OURS)
    assert odd.status_code == 422
    large = await send(web, message="a" * 80_000)
    assert large.status_code == 413
    assert mailbox.taken == []


async def test_other_sites_and_programs_cannot_send_it(
    web: httpx2.AsyncClient, mailbox: Mailbox
) -> None:
    foreign: tuple[dict[str, str], ...] = (
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "cross-site"},
        OURS | {"Host": "evil.example", "Origin": "http://evil.example"},
    )
    for headers in foreign:
        response = await send(web, headers=headers, message="Bonjour")
        assert response.status_code == 403, headers
        assert "ne vient pas d’une page de ce site" in parsed(response).query("main")[0].to_text()
    assert mailbox.taken == []


async def test_a_visitor_sends_only_so_many_and_loses_no_text(
    web: httpx2.AsyncClient, mailbox: Mailbox
) -> None:
    for _ in range(2):
        assert (await send(web, message="Bonjour")).status_code == 200
    refused = await send(web, message="Encore une chose")
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 3_600
    page = parsed(refused)
    assert "réessayez demain" in page.query("[role=alert]")[0].to_text()
    assert page.query("#message")[0].to_text().strip() == "Encore une chose"
    assert len(mailbox.taken) == 2


async def test_a_relay_that_does_not_take_it_is_told_and_the_text_stays(
    web: httpx2.AsyncClient, mailbox: Mailbox, capsys: pytest.CaptureFixture[str]
) -> None:
    mailbox.refuses = True
    response = await send(web, message="Un message <important>")
    assert response.status_code == 503
    page = parsed(response)
    assert "n’est pas parti" in page.query("[role=alert]")[0].to_text()
    assert page.query("#message")[0].to_text().strip() == "Un message <important>"
    logged = capsys.readouterr().out
    assert "contact_message_not_sent" in logged
    assert "important" not in logged


class TestWithASilentRelay:
    """A relay that takes the connection and never says a word."""

    @pytest.fixture
    async def contact(self) -> AsyncIterator[dict[str, Any]]:
        listener = socket.create_server(("127.0.0.1", 0))
        yield {
            "to": "exploitant@travail.example",
            "smtp_host": "127.0.0.1",
            "smtp_port": listener.getsockname()[1],
            "tls": "none",
            "timeout_s": 0.2,
        }
        listener.close()

    async def test_it_is_waited_for_no_longer_than_set(self, web: httpx2.AsyncClient) -> None:
        response = await send(web, message="Bonjour")
        assert response.status_code == 503
        assert parsed(response).query("#message")[0].to_text().strip() == "Bonjour"


class TestWithARelayOverTls:
    """A relay that wants STARTTLS and a password, as providers do."""

    @pytest.fixture
    async def contact(self, tmp_path: Path, mailbox: Mailbox) -> AsyncIterator[dict[str, Any]]:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(context)

        def knows(_server: object, _session: object, _envelope: object, _how: str, who: Any) -> Any:
            return AuthResult(success=who.login == b"site" and who.password == b"secret")

        def made() -> SMTP:
            return SMTP(
                mailbox,
                hostname="relay",
                tls_context=context,
                require_starttls=True,
                auth_required=True,
                authenticator=knows,
            )

        listener = socket.create_server(("127.0.0.1", 0))
        server = await asyncio.get_running_loop().create_server(made, sock=listener)
        yield {
            "to": "exploitant@travail.example",
            "smtp_host": "127.0.0.1",
            "smtp_port": listener.getsockname()[1],
            "tls_ca": tmp_path / "ca.pem",
            "user": "site",
            "password": "secret",
        }
        server.close()
        await server.wait_closed()

    async def test_the_message_goes_encrypted_and_with_its_login(
        self, web: httpx2.AsyncClient, mailbox: Mailbox
    ) -> None:
        assert (await send(web, message="Bonjour")).status_code == 200
        assert [one["Subject"] for one in mailbox.taken] == ["Message du formulaire de contact"]


class TestWithoutARelay:
    """A site whose operator has set up no relay."""

    @pytest.fixture
    def contact(self) -> dict[str, Any]:
        return {}

    async def test_it_says_how_else_to_reach_the_operator(self, web: httpx2.AsyncClient) -> None:
        page = parsed(await web.get("/contact"))
        assert page.query("form") == []
        assert page.query("a[href='mailto:bonjour@travail.example']")
        assert (await send(web, message="Bonjour")).status_code == 404
