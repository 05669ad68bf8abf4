"""The screen "Channels", over HTTP, with the real telegram_service and mail_service behind it."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from ai_core.console import channels
from ai_core.console.channels import read_channels
from ai_core.console.roles import Role
from ai_core.settings import ConsoleSettings
from deploy.local.postgres_server import PostgresServer
from deploy.local.redis_server import RedisServer
from mail_service import app as mail_app
from mail_service.ledger.ledger import Ledger
from mail_service.ledger.records import MailLocation
from mail_service.settings import Settings as MailSettings
from shared.clock import SystemClock
from shared.privacy.encryption import Encryption, new_key_file
from shared.settings import WrongSettings
from shared.stores.postgres import Postgres
from telegram_service import app as bot_app
from telegram_service.queue.event import Event
from telegram_service.queue.update_queue import (
    READY,
    Lease,
    QueuedUpdate,
    UpdateQueue,
    chat_key,
    now_ms,
)
from telegram_service.redis_client import redis_client
from telegram_service.settings import Settings as TelegramSettings
from telegram_service.state.counters import Counters
from telegram_service.vault import UPDATE, Vault
from tests.ai_core.console.conftest import RunningDesk, in_thread

pytestmark = pytest.mark.slow(8)

KEY = "a-key-of-the-desk"
NOWHERE = "http://127.0.0.1:9"
SECRET = "Une question secrète ?"  # noqa: S105 - what a person wrote
SENDER = "Camille Martin <camille@personne.example>"
LETTER = re.compile(r"<th scope=\"row\" class=\"moment\"><code>([0-9]+-[0-9]+)</code>")
CHAT = 110_022_033
Connect = Callable[..., None]


@dataclass
class RunningBot:
    """telegram_service over a Redis; its Postgres and its ai_core are away."""

    url: str
    redis_url: str
    vault: Vault
    settings: dict[str, Any]

    async def give_up(self, number: int, channel: str, reason: str, chat: int = CHAT) -> None:
        """Add a dead letter, as a worker does."""
        redis = redis_client(self.redis_url, 5)
        await redis.open()
        sealed = self.vault.seal(f'{channel}\n{{"text": "{SECRET}"}}'.encode(), UPDATE)
        name = self.vault.name(chat)
        updates = (QueuedUpdate(number, now_ms(), sealed),)
        lease = Lease(name, b"1-0", READY, 1, chat_key(name), updates)
        await UpdateQueue(redis, self.vault).add_dead_letter(lease, reason, "")
        await redis.close()

    async def enqueue(self, number: int, chat: int) -> None:
        """Have an update wait."""
        redis = redis_client(self.redis_url, 5)
        await redis.open()
        event = Event("telegram", str(number), chat, number)
        assert await UpdateQueue(redis, self.vault).enqueue(event, b"{}", update_id=number)
        await redis.close()

    async def waiting(self) -> int:
        """Return how many updates wait."""
        redis = redis_client(self.redis_url, 5)
        await redis.open()
        statistics = await Counters(redis).read()
        await redis.close()
        assert statistics.lost == 0
        return statistics.waiting


@pytest.fixture(scope="module")
def bot(desk_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBot]:
    key_file = tmp_path_factory.mktemp("bot") / "vault"
    key_file.write_text(new_key_file())
    values: dict[str, Any] = {
        "bot": {"token": "424242:test", "api_url": NOWHERE},
        "webhook": {"secret": "of-the-webhook"},
        "line": {"channel_secret": "s", "access_token": "t"},
        "ai": {"url": NOWHERE},
        "redis": {"url": desk_redis.url},
        "postgres": {"url": "postgresql://neo:x@127.0.0.1:9/x"},
        "store": {"key_file": key_file},
        "server": {"api_key": KEY},
    }
    with in_thread(bot_app.create_app(TelegramSettings(**values))) as url:
        yield RunningBot(url, desk_redis.url, Vault.read(key_file), values)


@pytest.fixture(scope="module")
def mail_url(
    desk: RunningDesk,
    postgres_server: PostgresServer,
    desk_redis: RedisServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """mail_service over a ledger with one mail in each of five states."""
    key_file = tmp_path_factory.mktemp("mail") / "vault"
    key_file.write_text(new_key_file())
    postgres_server.create_database("desk_mail")
    values: dict[str, Any] = {
        "redis": {"url": desk_redis.url},
        "postgres": {"url": postgres_server.url("desk_mail")},
        "vault": {"key_file": key_file},
        "server": {"api_key": KEY},
    }
    encryption = Encryption.read(key_file)

    async def fill() -> None:
        postgres = Postgres(postgres_server.url("desk_mail"))
        await postgres.open()
        ledger = Ledger(postgres, encryption, SystemClock())
        await ledger.migrate()
        for number, state in enumerate(("received", "review", "review", "quarantined", "failed")):
            raw = f"From: {SENDER}\r\nMessage-ID: <{number}@x>\r\n\r\n{SECRET}".encode()
            location = MailLocation("main", "INBOX", 1, number + 1)
            mail_id = await ledger.intake.add(location, raw, len(raw))
            async with postgres.connection() as db:
                await db.execute("UPDATE mails SET state = $1 WHERE id = $2", state, mail_id)
        await postgres.close()

    desk.call(fill())
    with in_thread(mail_app.create_app(MailSettings(**values))) as url:
        yield url
    postgres_server.drop_database("desk_mail")


@pytest.fixture
async def connect(
    desk: RunningDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Connect]:
    """Connect the desk to services, for as long as the test takes."""
    opened = []

    def to(bot: str = "", mail: str = "", key: str = KEY, review: str = "") -> None:
        key_file = tmp_path / "key"
        key_file.write_text(f"{key}\n")
        settings = ConsoleSettings(
            telegram_url=bot,
            telegram_key_file=key_file,
            mail_url=mail,
            mail_key_file=key_file,
            mail_review_url=review,
        )
        made = read_channels(settings)
        opened.append(made)
        for name in ("bot", "mail", "review_url"):
            monkeypatch.setattr(desk.desk.channels, name, getattr(made, name))

    yield to
    for made in opened:
        await desk.on(made.close())


async def shown(desk: RunningDesk, role: Role = Role.READER) -> str:
    browser, _ = await desk.signed_in(role)
    page = await browser.get("/console/channels")
    assert page.status_code == 200
    return page.text


async def test_what_is_not_set_up_says_what_to_set(desk: RunningDesk) -> None:
    page = await shown(desk)
    for service in ("TELEGRAM", "MAIL"):
        for name in (f"AI_CORE_CONSOLE__{service}_URL", f"{service}_SERVER__API_KEY"):
            assert name in page
    operator, _ = await desk.signed_in(Role.OPERATOR)
    await operator.get("/console/channels")
    refused = await operator.post("/console/channels/replay", {"letter": "1764500000000-0"})
    assert (refused.status_code, "pas relié" in refused.text) == (422, True)


async def test_dead_letters_are_shown_without_content_replayed_and_dropped(
    desk: RunningDesk, bot: RunningBot, connect: Connect
) -> None:
    await asyncio.to_thread(lambda: connect(bot=bot.url))
    await bot.give_up(7, "telegram", "failures")
    await bot.give_up(8, "line", "KeyError", CHAT + 1)
    operator, account = await desk.signed_in(Role.OPERATOR)
    page = (await operator.get("/console/channels")).text
    second, first = LETTER.findall(page)
    for told in ("LINE", "Telegram", "trois erreurs de suite", "KeyError"):
        assert told in page.partition('id="letters-title"')[2]
    assert "secr" not in page
    assert str(CHAT) not in page
    reader = await shown(desk, Role.READER)
    assert LETTER.findall(reader) == [second, first]
    assert "/console/channels/replay" not in reader

    await bot.enqueue(9, CHAT + 1)
    before = await bot.waiting()
    waiting = await operator.post("/console/channels/replay", {"letter": second})
    assert (waiting.status_code, "passent d’abord" in waiting.text) == (422, True)
    replayed = await operator.post("/console/channels/replay", {"letter": first})
    assert replayed.headers["location"] == "/console/channels?done=letter_replayed"
    assert await bot.waiting() == before + 1
    again = await operator.post("/console/channels/replay", {"letter": first})
    assert (again.status_code, "n’existe plus" in again.text) == (422, True)
    dropped = await operator.post("/console/channels/drop", {"letter": second})
    assert dropped.headers["location"] == "/console/channels?done=letter_dropped"
    for odd in ("", "x", "../../health", "1-1/replay?", f"{SECRET}", "9" * 300):
        assert (await operator.post("/console/channels/drop", {"letter": odd})).status_code == 422
    assert "Aucun message en échec" in (await operator.get("/console/channels")).text

    rows = await desk.rows(account=account.name, subject="channels")
    assert [(row.action, row.object, row.detail) for row in reversed(rows)] == [
        ("channels.replay", second, {}),
        ("channels.replay_failed", second, {"code": "letter_waiting"}),
        ("channels.replay", first, {}),
        ("channels.replay", first, {}),
        ("channels.replay_failed", first, {"code": "letter_gone"}),
        ("channels.drop", second, {}),
    ]


def figures(page: str) -> dict[str, str]:
    """Return the figures of a page by their labels."""
    return {
        label.strip(): value
        for value, label in re.findall(r"<li[^>]*><strong>([^<]*)</strong>([^<]*)</li>", page)
    }


def counts(page: str) -> dict[str, str]:
    """Return the rows of the table of what waits for a person."""
    table = page.partition('id="person-title"')[2]
    return dict(
        re.findall(r"<th scope=\"row\">([^<]+)</th><td class=\"figure\">([^<]+)</td>", table)
    )


async def test_health_queues_and_what_waits_for_a_person(
    desk: RunningDesk, bot: RunningBot, mail_url: str, connect: Connect
) -> None:
    review = "https://mail.example.org"
    await asyncio.to_thread(lambda: connect(bot=bot.url, mail=mail_url, review=review))
    await bot.enqueue(20, CHAT + 2)
    waiting = await bot.waiting()
    page = await shown(desk)
    for told in ("dégradé", "Redis répond", "Postgres ne répond pas", "ai_core ne répond pas"):
        assert told in page
    bots, mails = page.split('id="mailbox-title"')
    assert figures(bots)["messages en attente"] == str(waiting)
    assert re.fullmatch(r"\d+ (s|min)", figures(bots)["âge du plus ancien en attente"])
    assert figures(mails)["courriels à traiter"] == "1"
    assert re.fullmatch(r"\d+ (s|min)", figures(mails)["âge du plus ancien en attente"])
    assert figures(mails)["en attente depuis plus de cinq minutes"] == "0"
    assert "attend un serveur IMAP" in mails
    assert counts(page) == {
        "Lettres à relire": "2",
        "Courriels en quarantaine": "1",
        "Courriels en échec": "1",
        "Réponses dont l’envoi est incertain": "0",
        "Réponses non envoyées": "0",
    }
    assert f'href="{review}"' in page
    assert not [word for word in ("secr", "Camille", "personne.example", KEY) if word in page]


async def stuck(request: Request) -> Response:
    """Answer nothing until the client has hung up."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return Response()


STRANGE = Starlette(
    routes=[
        Route("/page/{path:path}", lambda _: PlainTextResponse("<h1>Bonjour</h1>")),
        Route("/other/{path:path}", lambda _: JSONResponse({"status": "ok", "counts": "many"})),
        Route("/huge/{path:path}", lambda _: PlainTextResponse('"' + "x" * 2**21 + '"')),
        Route("/moved/{path:path}", lambda _: RedirectResponse("http://127.0.0.1:9/")),
        Route("/broken/{path:path}", lambda _: PlainTextResponse("", 500)),
        Route("/lost/{path:path}", lambda _: JSONResponse({"code": "postgres_lost"}, 503)),
        Route("/stuck/{path:path}", stuck),
    ]
)


async def test_what_a_service_refuses_or_says_wrongly_is_told(
    desk: RunningDesk,
    bot: RunningBot,
    mail_url: str,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def page(**services: str) -> str:
        await asyncio.to_thread(lambda: connect(**services))
        return await shown(desk)

    wrong_key = await page(bot=bot.url, mail=mail_url, key="another")
    assert wrong_key.count("refuse notre clé") == 2
    assert "messages en attente" in wrong_key
    assert "attend un serveur IMAP" in wrong_key
    half = await page(bot=NOWHERE, mail=mail_url)
    assert half.count("ne répond pas. Vérifiez") == 2
    assert counts(half)["Lettres à relire"] == "2"
    stand = in_thread(STRANGE)
    url = await asyncio.to_thread(stand.__enter__)
    try:
        for path, sentence in {
            "page": "autre chose que prévu",
            "other": "autre chose que prévu",
            "huge": "autre chose que prévu",
            "moved": "autre chose que prévu",
            "broken": "autre chose que prévu",
            "none": "ouvre pas ceci à la console",
            "lost": "données ne sont pas joignables",
            "stuck": "ne répond pas. Vérifiez",
        }.items():
            if path == "stuck":
                monkeypatch.setattr(channels, "TIMEOUT_S", 0.3)
            text = await page(bot=f"{url}/{path}", mail=f"{url}/{path}")
            assert text.count(sentence) == 4, path
    finally:
        await asyncio.to_thread(stand.__exit__, None, None, None)


async def test_a_replay_without_an_answer_is_a_failure_in_the_audit_log(
    desk: RunningDesk, connect: Connect
) -> None:
    await asyncio.to_thread(lambda: connect(bot=NOWHERE))
    operator, account = await desk.signed_in(Role.OPERATOR)
    await operator.get("/console/channels")
    told = await operator.post("/console/channels/drop", {"letter": "1764500000000-0"})
    assert (told.status_code, "ne répond pas" in told.text) == (422, True)
    rows = await desk.rows(account=account.name, subject="channels")
    assert [(row.action, row.detail) for row in rows] == [
        ("channels.drop_failed", {"code": "channel_unreachable"}),
        ("channels.drop", {}),
    ]


def test_an_address_without_a_key_refuses_to_start(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("\n")
    for name in ("telegram", "mail"):
        setting = f"AI_CORE_CONSOLE__{name.upper()}_KEY_FILE"
        for key_file in (None, tmp_path / "none", empty):
            values = {f"{name}_url": NOWHERE, f"{name}_key_file": key_file}
            with pytest.raises(WrongSettings, match=setting):
                read_channels(ConsoleSettings.model_validate(values))
    for wrong in ("127.0.0.1:8001", "javascript:alert(1)", "ftp://x", "http://x?y", "http://x#y"):
        for name in ("telegram_url", "mail_url", "mail_review_url"):
            with pytest.raises(ValueError, match=name):
                ConsoleSettings.model_validate({name: wrong})
